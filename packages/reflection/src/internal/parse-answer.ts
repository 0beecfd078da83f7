import { jsonrepair } from 'jsonrepair';
import type { z } from 'zod';

export type ParsedAnswer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: 'not-json' | 'invalid'; readonly message: string };

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * The object that starts at the first brace, as far as its matching brace; `complete` is false where the
 * text ends inside a string or an open bracket, as an answer that was cut short does.
 */
function sliceObject(text: string): { readonly slice: string; readonly complete: boolean } | null {
  const start = text.indexOf('{');
  if (start === -1) return null;
  let depth = 0;
  let inString = false;
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (inString) {
      if (char === '\\') at++;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === '{' || char === '[') depth++;
    else if (char === '}' || char === ']') {
      depth--;
      if (depth === 0) return { slice: text.slice(start, at + 1), complete: true };
    }
  }
  return { slice: text.slice(start), complete: false };
}

function readJson(text: string): unknown {
  const whole = tryParse(text.trim());
  if (whole !== undefined) return whole;
  const found = sliceObject(text);
  // A cut answer must not be repaired: closing its string would make a truncated function look whole.
  if (found === null || !found.complete) return undefined;
  const plain = tryParse(found.slice);
  if (plain !== undefined) return plain;
  try {
    return JSON.parse(jsonrepair(found.slice));
  } catch {
    return undefined;
  }
}

/** Parses a teacher's answer: JSON as it is, JSON inside prose or fences, repaired JSON, then `salvage`. */
export function parseAnswer<S extends z.ZodType>(
  text: string,
  schema: S,
  salvage?: (text: string) => unknown,
): ParsedAnswer<z.output<S>> {
  const value = readJson(text);
  const parsed = value === undefined ? undefined : schema.safeParse(value);
  if (parsed?.success) return { ok: true, value: parsed.data };
  const salvaged = salvage?.(text);
  const second = salvaged === undefined ? undefined : schema.safeParse(salvaged);
  if (second?.success) return { ok: true, value: second.data };
  if (parsed === undefined)
    return {
      ok: false,
      code: 'not-json',
      message: 'expected one complete JSON object, got text that does not parse as one',
    };
  const issues = parsed.error.issues
    .slice(0, 5)
    .map((issue) => `${issue.path.map(String).join('.') || '(answer)'}: ${issue.message}`);
  return { ok: false, code: 'invalid', message: issues.join('; ') };
}
