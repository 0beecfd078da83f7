import { readBlock } from '../internal/function-block.js';
import { parseStageLine } from '../stages/stage.js';
import type { FakeRequest } from './create-fake-open-ai.js';

export interface ScriptedTeacherOptions {
  /** Verdict of each reflection round; the last repeats. Default `['accept']`. */
  readonly verdicts?: readonly ('accept' | 'revise' | 'reject')[];
  /** Default 0.9. */
  readonly confidence?: number;
  /** The repair of a function; default puts a check at the start of its body. */
  readonly repair?: (vulnerable: string, round: number) => string;
}

/** The answer that a well-behaved teacher would give to a request of this package, as JSON text. */
export function answerAsTeacher(request: FakeRequest, options: ScriptedTeacherOptions = {}): string {
  const messages = request.body.messages;
  const stage = parseStageLine(messages[0]?.content ?? '');
  const vulnerable = readBlock('VULNERABLE FUNCTION', messages[1]?.content ?? '');
  if (stage === null || vulnerable === null) throw new Error('not a request of @srcode/reflection');
  const verdicts = options.verdicts ?? ['accept'];
  const confidence = options.confidence ?? 0.9;
  switch (stage.name) {
    case 'diagnose':
      return JSON.stringify({ cwe: 'CWE-787', rootCause: 'An index is not checked.', vulnerableLines: [1] });
    case 'repair': {
      const repair = options.repair ?? ((code: string) => code.replace('{', '{ if (n > 8) return -1;'));
      return JSON.stringify({ code: repair(vulnerable, stage.round), explanation: 'Checks the index.' });
    }
    case 'reflect': {
      const verdict = verdicts[Math.min(stage.round, verdicts.length) - 1] ?? 'accept';
      return JSON.stringify({ verdict, confidence, issues: [`looked at round ${stage.round}`] });
    }
    case 'vote':
      return JSON.stringify({ verdict: 'accept', confidence, issues: [] });
    case 'prompts':
      return JSON.stringify({
        prompts: [
          { style: 'terse', text: 'Write the function.' },
          { style: 'detailed', text: 'Write the function that stores a value and returns its index.' },
        ],
      });
  }
}
