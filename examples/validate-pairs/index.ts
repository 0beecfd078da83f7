// Validation: which pairs are fit to learn from, and why the others are not.
import assert from 'node:assert/strict';
import { buildCorpus, toPrimeVulPlusRecord } from '@srcode/dataset';
import { validateDataset } from '@srcode/validation';

const good = buildCorpus({
  seed: 1,
  families: ['grid-cell', 'keep-name', 'stack-push'],
  instancesPerFamily: 2,
}).map(toPrimeVulPlusRecord);
const [first] = good;
assert(first);
const spoiled = [
  { ...first, id: 'unchanged', secure: first.vulnerable },
  {
    ...first,
    id: 'elided',
    secure: first.secure.replace(/\{[\s\S]*\}/, '{\n  // ... rest of the function unchanged\n}'),
  },
  { ...first, id: 'cut', secure: first.secure.slice(0, -20) },
  {
    ...first,
    id: 'telling',
    prompts: [{ style: 'terse', text: 'Write a secure version that avoids the buffer overflow.' }],
  },
];

const job = validateDataset([...good, ...spoiled]);
for (;;) {
  const step = await job.next();
  if (step.done) {
    const { total, accepted, rejectedByCode } = step.value;
    console.log(`${accepted} of ${total} accepted;`, rejectedByCode);
    assert.equal(accepted, good.length);
    break;
  }
  if (step.value.type === 'progress') continue;
  const { record, verdict } = step.value;
  const why = [...verdict.rejections, ...verdict.promptRejections].map(({ code }) => code).join(', ');
  console.log(`${verdict.accepted ? 'kept  ' : 'turned down'} ${record.id} ${why}`);
  assert.equal(verdict.accepted, !spoiled.some(({ id }) => id === record.id));
}
