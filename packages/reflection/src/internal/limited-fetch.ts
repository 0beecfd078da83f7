/** Header that marks an answer which `limitedFetch` made itself because the server's was too large. */
export const TOO_LARGE_HEADER = 'x-srcode-answer-too-large';

/**
 * A fetch that reads the whole body, up to `maxBytes`, before it returns.
 *
 * The SDK's timeout ends when headers arrive; reading here keeps a stalled body under it, and keeps an
 * endless one out of memory.
 */
export function limitedFetch(maxBytes: number): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, { ...init, redirect: 'error' });
    if (response.body === null) return response;
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      size += chunk.byteLength;
      // Leaving the loop cancels the stream and closes the connection.
      if (size > maxBytes) return tooLarge(maxBytes);
      chunks.push(chunk);
    }
    const headers = new Headers(response.headers);
    // The body is decoded already; these would describe bytes that are gone.
    headers.delete('content-encoding');
    headers.delete('content-length');
    const empty = response.status === 204 || response.status === 304;
    return new Response(empty ? null : Buffer.concat(chunks), { status: response.status, headers });
  };
}

function tooLarge(maxBytes: number): Response {
  return Response.json(
    { error: { code: 'answer_too_large', message: `answer longer than ${maxBytes} bytes` } },
    { status: 413, headers: { [TOO_LARGE_HEADER]: '1' } },
  );
}
