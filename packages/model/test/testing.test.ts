import { selectBackend } from '@srcode/backend';
import { createTokenBatch } from '@srcode/model';
import { createTestModel, createTestTokenizer } from '@srcode/model/testing';
import { expect, it } from 'vitest';

it('the test model runs on the test tokenizer', async () => {
  await selectBackend({ prefer: 'wasm' });
  const tokenizer = createTestTokenizer(['int main(void)', 'int main(void)'], 8);
  const model = createTestModel(tokenizer.vocabSize);
  const ids = tokenizer.encode('int main(void)');
  expect(ids.length).toBeLessThan('int main(void)'.length);
  const hidden = model.hiddenStates(createTokenBatch([ids]));
  expect(hidden.shape).toEqual([1, ids.length, 16]);
  hidden.dispose();
  model.dispose();
});
