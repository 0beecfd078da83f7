import { z } from 'zod';

/* The parts of SARIF 2.1.0 that carry findings; everything else is passed over. */

const messageSchema = z.looseObject({ text: z.string().optional(), markdown: z.string().optional() });
const propertiesSchema = z.looseObject({
  tags: z.array(z.string()).optional(),
  'security-severity': z.union([z.string(), z.number()]).optional(),
});
const levelSchema = z.enum(['none', 'note', 'warning', 'error']);

const referenceSchema = z.looseObject({
  id: z.string().optional(),
  index: z.number().int().optional(),
  toolComponent: z
    .looseObject({ name: z.string().optional(), index: z.number().int().optional() })
    .optional(),
});

const ruleSchema = z.looseObject({
  id: z.string(),
  defaultConfiguration: z.looseObject({ level: levelSchema.optional() }).optional(),
  properties: propertiesSchema.optional(),
  relationships: z.array(z.looseObject({ target: referenceSchema })).optional(),
});
export type SarifRule = z.infer<typeof ruleSchema>;

const componentSchema = z.looseObject({
  name: z.string(),
  version: z.string().optional(),
  semanticVersion: z.string().optional(),
  rules: z.array(ruleSchema).optional(),
});

const regionSchema = z.looseObject({
  startLine: z.number().int().positive().optional(),
  startColumn: z.number().int().positive().optional(),
  endLine: z.number().int().positive().optional(),
});

const resultSchema = z.looseObject({
  ruleId: z.string().optional(),
  ruleIndex: z.number().int().optional(),
  rule: referenceSchema.optional(),
  kind: z.string().optional(),
  level: levelSchema.optional(),
  message: messageSchema.optional(),
  locations: z
    .array(
      z.looseObject({
        physicalLocation: z
          .looseObject({
            artifactLocation: z.looseObject({ uri: z.string().optional() }).optional(),
            region: regionSchema.optional(),
          })
          .optional(),
      }),
    )
    .optional(),
  taxa: z.array(referenceSchema).optional(),
  suppressions: z.array(z.unknown()).optional(),
  properties: propertiesSchema.optional(),
});
export type SarifResult = z.infer<typeof resultSchema>;

const runSchema = z.looseObject({
  tool: z.looseObject({ driver: componentSchema, extensions: z.array(componentSchema).optional() }),
  results: z.array(resultSchema).nullish(),
});
export type SarifRun = z.infer<typeof runSchema>;

export const sarifSchema = z.looseObject({
  version: z.literal('2.1.0'),
  runs: z.array(runSchema),
});
