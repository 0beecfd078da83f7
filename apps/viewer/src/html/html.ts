/** Markup that is known to be safe to put into the page as it is. */
export class SafeHtml {
  readonly #markup: string;

  private constructor(markup: string) {
    this.#markup = markup;
  }

  /** For markup of our own making only; nothing that came from a file may pass here unescaped. */
  static trust(markup: string): SafeHtml {
    return new SafeHtml(markup);
  }

  toString(): string {
    return this.#markup;
  }
}

export type HtmlValue = SafeHtml | string | number | null | undefined | false | readonly HtmlValue[];

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

/**
 * Text made harmless in element content and in quoted attributes.
 *
 * Beyond markup, characters that reorder or hide text (bidirectional controls, zero-width and other controls)
 * become visible code points, so that hostile code cannot look like other code than it is.
 */
export function escapeText(text: string): string {
  return text
    .replace(/[&<>"'`]/g, (char) => escapes[char]!)
    .replace(
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]/gu,
      (char) => `⟦U+${char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}⟧`,
    );
}

function toMarkup(value: HtmlValue): string {
  if (value === null || value === undefined || value === false) return '';
  if (value instanceof SafeHtml) return value.toString();
  if (typeof value === 'string') return escapeText(value);
  if (typeof value === 'number') return String(value);
  return value.map(toMarkup).join('');
}

/** Markup from a template; every value that is not itself markup is escaped. Attributes must be quoted. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): SafeHtml {
  return SafeHtml.trust(
    parts.map((part, i) => part + (i < values.length ? toMarkup(values[i]) : '')).join(''),
  );
}
