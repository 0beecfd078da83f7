import { sha256Hex } from '@srcode/core';

export type BlockRole = 'VULNERABLE FUNCTION' | 'REPAIRED FUNCTION' | 'DESCRIPTION';

/**
 * The text between two marker lines that carry its own hash. A text cannot contain its closing marker,
 * since that would need a fixed point of SHA-256, so hostile text cannot step out of its block.
 */
export function writeBlock(role: BlockRole, text: string): string {
  const tag = sha256Hex(text).slice(0, 16);
  return `BEGIN ${role} ${tag}\n${text}\nEND ${role} ${tag}`;
}

/** The text of the first block of that role, or null. The marker's hash is checked. */
export function readBlock(role: BlockRole, message: string): string | null {
  const opening = new RegExp(`(?:^|\\n)BEGIN ${role} ([0-9a-f]{16})\\n`, 'g');
  for (let match = opening.exec(message); match !== null; match = opening.exec(message)) {
    const tag = match[1]!;
    const start = match.index + match[0].length;
    const end = message.indexOf(`\nEND ${role} ${tag}`, start);
    if (end === -1) continue;
    const text = message.slice(start, end);
    if (sha256Hex(text).slice(0, 16) === tag) return text;
  }
  return null;
}
