import { SrcodeError } from '@srcode/core';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { z } from 'zod';
import { createInstanceReward, createLineReward, createTokenReward } from '../create-rewards.js';
import { RewardInputError } from '../errors.js';
import type { LintTokenizer } from '../lint-rewards.js';
import type { RewardOptions } from '../options.js';
import type { RewardPair, RewardStrategy, TokenRewards } from '../types.js';
import { openRlhfSchema, rewardBatchSchema, rewardItemSchema } from './schemas.js';
import { type RewardServices, scoreItem, scoreOpenRlhf, UnknownNameError } from './score-items.js';

export interface RewardAppOptions {
  /** Pairs that requests may name by id. */
  readonly pairs?: Iterable<RewardPair>;
  /** Strategies beside `token`, `line` and `instance`, by their names; one of those names replaces it. */
  readonly strategies?: readonly RewardStrategy[];
  /** Default `token`. */
  readonly defaultStrategy?: string;
  readonly rewards?: RewardOptions;
  /** For requests with `tokenIds`. */
  readonly tokenizer?: LintTokenizer;
  /** Default 32 MiB: 4,096 answers of 8 KiB. */
  readonly maxBodyBytes?: number;
}

/** The status that tells a client what to change; the body says it in words. */
function statusOf(error: unknown): ContentfulStatusCode {
  if (error instanceof UnknownNameError) return 404;
  return SrcodeError.isInstance(error) && error.exitCode === 2 ? 422 : 500;
}

function errorBody(code: string, message: string, issues?: unknown): object {
  return { error: { code, message, ...(issues === undefined ? {} : { issues }) } };
}

/** Plain JSON of rewards: float32 values as numbers. */
function toJson(rewards: TokenRewards): object {
  return { values: [...rewards.values], spans: rewards.spans, total: rewards.total };
}

/**
 * The reward service as a Hono app, to mount or to serve.
 *
 * `GET /health`; `POST /reward` one item, or `{items: […]}`, → per-token values; `POST /openrlhf` in OpenRLHF's remote-reward
 * shape → one total per answer. A request that breaks the contract is answered 4xx with `{error: {code, message}}` and never
 * with a made-up reward.
 */
export function createRewardApp(options: RewardAppOptions = {}): Hono {
  const services = createServices(options);
  const maxBodyBytes = options.maxBodyBytes ?? 32 * 1024 * 1024;
  const app = new Hono();
  app.use(
    bodyLimit({
      maxSize: maxBodyBytes,
      onError: (c) =>
        c.json(
          errorBody(
            'REWARDS_BODY_TOO_LARGE',
            `Expected a body of at most ${maxBodyBytes} bytes. Send smaller batches.`,
          ),
          413,
        ),
    }),
  );
  app.get('/health', (c) =>
    c.json({ status: 'ok', pairs: services.pairs.size, strategies: [...services.strategies.keys()] }),
  );
  app.post('/reward', async (c) => {
    const body = await readJson(c.req.raw);
    if (typeof body === 'object' && body !== null && 'items' in body) {
      const { items } = validate(rewardBatchSchema, body);
      const results: object[] = [];
      for (const item of items) results.push(toJson(await scoreItem(services, item)));
      return c.json({ results });
    }
    return c.json(toJson(await scoreItem(services, validate(rewardItemSchema, body))));
  });
  app.post('/openrlhf', async (c) => {
    const request = validate(openRlhfSchema, await readJson(c.req.raw));
    return c.json(await scoreOpenRlhf(services, request));
  });
  app.notFound((c) =>
    c.json(
      errorBody(
        'REWARDS_NO_ROUTE',
        `Expected GET /health, POST /reward or POST /openrlhf, got ${c.req.method} ${c.req.path}.`,
      ),
      404,
    ),
  );
  app.onError((error, c) => {
    const known = SrcodeError.isInstance(error);
    const code = known ? error.code : 'REWARDS_INTERNAL';
    const issues = known ? error.context.issues : undefined;
    return c.json(errorBody(code, error.message, issues), statusOf(error));
  });
  return app;
}

function createServices(options: RewardAppOptions): RewardServices {
  const strategies = new Map<string, RewardStrategy>();
  const builtIn = [createTokenReward, createLineReward, createInstanceReward].map((create) =>
    create(options.rewards),
  );
  for (const strategy of [...builtIn, ...(options.strategies ?? [])]) strategies.set(strategy.name, strategy);
  const pairs = new Map<string, RewardPair>();
  for (const pair of options.pairs ?? []) pairs.set(pair.id, pair);
  const defaultStrategy = options.defaultStrategy ?? 'token';
  if (!strategies.has(defaultStrategy)) {
    throw new RewardInputError({
      code: 'REWARDS_UNKNOWN_STRATEGY',
      message: `Expected a default strategy among ${[...strategies.keys()].join(', ')}, got "${defaultStrategy}".`,
    });
  }
  return { pairs, strategies, defaultStrategy, tokenizer: options.tokenizer };
}

async function readJson(request: Request): Promise<unknown> {
  const text = await request.text();
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RewardInputError({
      code: 'REWARDS_NOT_JSON',
      message: `Expected a JSON body, got ${text.length} characters that do not parse (${(cause as Error).message}).`,
      cause,
    });
  }
}

function validate<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue?.path.map(String).join('.') || '(body)';
  throw new RewardInputError({
    code: 'REWARDS_BAD_REQUEST',
    message: `Field "${field}": ${issue?.message ?? 'invalid'}.`,
    context: { issues: parsed.error.issues.map(({ path, message }) => ({ path, message })) },
    cause: parsed.error,
  });
}
