import type OpenAI from 'openai';
import { z } from 'zod';
import type { StageName } from '../stages/stage.js';

export type ResponseFormat = NonNullable<OpenAI.ChatCompletionCreateParams['response_format']> | null;

/** Keywords that strict structured outputs refuse on several servers; zod checks them anyway. */
const LIMITS = [
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'minimum',
  'maximum',
  'exclusiveMinimum',
] as const;

function toStrictSchema(schema: z.ZodType): Record<string, unknown> {
  const json = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      const node = jsonSchema as Record<string, unknown>;
      for (const keyword of LIMITS) delete node[keyword];
      if (node.type === 'object') node.additionalProperties = false;
    },
  }) as Record<string, unknown>;
  delete json.$schema;
  return json;
}

/** Response formats from the most to the least that a server may support; `null` asks for none. */
export function buildResponseFormats(
  mode: 'auto' | 'json-schema' | 'json-object' | 'off',
  stage: StageName,
  schema: z.ZodType,
): readonly ResponseFormat[] {
  const strict: ResponseFormat = {
    type: 'json_schema',
    json_schema: { name: `srcode_${stage}`, strict: true, schema: toStrictSchema(schema) },
  };
  const object: ResponseFormat = { type: 'json_object' };
  if (mode === 'json-schema') return [strict];
  if (mode === 'json-object') return [object];
  return mode === 'off' ? [null] : [strict, object, null];
}
