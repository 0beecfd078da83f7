import type { PrimeVulPlusRecord } from '../schemas.js';

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

export interface SftExample {
  readonly id: string;
  readonly sourceId: string;
  readonly style: string;
  readonly messages: readonly ChatMessage[];
}

/** One chat example per implicit prompt of the record: the prompt asks, the secure function answers. */
export function toSftExamples(record: PrimeVulPlusRecord, systemPrompt?: string): SftExample[] {
  return record.prompts.map((prompt, index) => ({
    id: `${record.id}#${index}`,
    sourceId: record.id,
    style: prompt.style,
    messages: [
      ...(systemPrompt === undefined ? [] : [{ role: 'system' as const, content: systemPrompt }]),
      { role: 'user' as const, content: prompt.text },
      { role: 'assistant' as const, content: fenceCode(record.secure, record.language) },
    ],
  }));
}

/** The code in a Markdown fence longer than any run of backticks within it. */
export function fenceCode(code: string, language: string): string {
  const longest = Math.max(2, ...[...code.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${code.endsWith('\n') ? code : `${code}\n`}${fence}`;
}
