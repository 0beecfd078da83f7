/** A function that removes the key, bearer tokens and key-like words from text that a server sent. */
export function createRedactor(apiKey: string): (text: string) => string {
  return (text) => {
    // A key under 6 characters is a placeholder such as "none"; cutting it out would only garble messages.
    const withoutKey = apiKey.length >= 6 ? text.replaceAll(apiKey, '[redacted]') : text;
    return withoutKey
      .replace(/\b(sk|pk|hf|gsk|key)[-_][A-Za-z0-9*_-]{6,}/g, '[redacted]')
      .replace(/\bBearer\s+\S+/gi, 'Bearer [redacted]');
  };
}

/** Scheme, host and path of a URL: user name, password, query and fragment dropped. */
export function plainUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname.replace(/\/$/, '')}`;
}
