import fc from 'fast-check';
import { expect, it } from 'vitest';
import { diagnosisAnswerSchema, tidyDiagnosis } from '../stages/diagnose.js';
import { reflectionAnswerSchema } from '../stages/reflect.js';
import { repairAnswerSchema, repairStage } from '../stages/repair.js';
import { parseAnswer } from './parse-answer.js';

const answer = { code: 'int f(void) { return "}{"[0]; }', explanation: 'e' };

it('reads plain JSON, JSON in a fence, and JSON inside prose', () => {
  const json = JSON.stringify(answer);
  for (const text of [
    json,
    `\`\`\`json\n${json}\n\`\`\``,
    `Sure! Here it is:\n${json}\nHope this helps {really}.`,
  ])
    expect(parseAnswer(text, repairAnswerSchema)).toEqual({ ok: true, value: answer });
});

it('repairs the slips that models make: trailing comma, single quotes, raw line breaks, comments', () => {
  for (const text of [
    `{"verdict": "accept", "confidence": 0.5, "issues": [],}`,
    `{'verdict': 'accept', 'confidence': 0.5, 'issues': []}`,
    `{"verdict": "accept", /* sure */ "confidence": 0.5, "issues": []}`,
  ])
    expect(parseAnswer(text, reflectionAnswerSchema)).toMatchObject({ ok: true, value: { confidence: 0.5 } });
  const raw = parseAnswer(
    '{"code": "int f(void)\n{\n  return 1;\n}", "explanation": ""}',
    repairAnswerSchema,
  );
  expect(raw).toMatchObject({ ok: true, value: { code: 'int f(void)\n{\n  return 1;\n}' } });
});

it('never makes a whole function of an answer that was cut, wherever it was cut', () => {
  const json = JSON.stringify({
    code: 'int f(int n) {\n  if (n) { return 1; }\n  return 0;\n}',
    explanation: 'x',
  });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: json.length - 1 }), (at) => {
      expect(parseAnswer(json.slice(0, at), repairAnswerSchema, repairStage.salvage).ok).toBe(false);
    }),
  );
});

it('survives any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      expect(parseAnswer(text, reflectionAnswerSchema).ok).toBe(false);
    }),
  );
  expect(parseAnswer('{'.repeat(100_000), reflectionAnswerSchema).ok).toBe(false);
});

it('names the fields that are wrong', () => {
  const parsed = parseAnswer('{"verdict": "maybe", "confidence": 90, "issues": []}', reflectionAnswerSchema);
  expect(parsed).toMatchObject({ ok: false, code: 'invalid' });
  expect(parsed.ok ? '' : parsed.message).toMatch(/verdict: .*confidence: /s);
});

it('takes one fenced block as a repair, but not one of two', () => {
  const fence = (code: string) => `\`\`\`c\n${code}\n\`\`\``;
  const one = parseAnswer(`Fixed:\n${fence('int f(void);')}`, repairAnswerSchema, repairStage.salvage);
  expect(one).toEqual({ ok: true, value: { code: 'int f(void);', explanation: '' } });
  const two = `${fence('int f(void);')} or ${fence('int g(void);')}`;
  expect(parseAnswer(two, repairAnswerSchema, repairStage.salvage).ok).toBe(false);
});

it('accepts the ways models write a CWE and drops lines that do not exist', () => {
  for (const cwe of ['CWE-787', 'cwe 787', '787', 'CWE-787: Out-of-bounds Write']) {
    const parsed = diagnosisAnswerSchema.parse({ cwe, rootCause: 'r', vulnerableLines: [9, 2, 2, 1] });
    expect(tidyDiagnosis(parsed, 'a\nb\nc')).toEqual({
      cwe: 'CWE-787',
      rootCause: 'r',
      vulnerableLines: [1, 2],
    });
  }
  expect(diagnosisAnswerSchema.safeParse({ cwe: 'none', rootCause: 'r', vulnerableLines: [] }).success).toBe(
    false,
  );
});
