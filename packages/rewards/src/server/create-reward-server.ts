import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { EnvironmentError } from '@srcode/core';
import { createRewardApp, type RewardAppOptions } from './create-reward-app.js';

export interface RewardServerOptions extends RewardAppOptions {
  /** Default 127.0.0.1: the service has no authentication. */
  readonly host?: string;
  /** Default 0, any free port. */
  readonly port?: number;
}

/** A reward server that listens. */
export interface RewardServer {
  /** E.g. `http://127.0.0.1:8600`. */
  readonly url: string;
  readonly port: number;
  /** Stops accepting requests and resolves when open ones are answered. */
  close(): Promise<void>;
}

/**
 * Starts the reward service of `createRewardApp` on a host and port; resolves when it listens.
 *
 * @throws EnvironmentError when the port cannot be bound
 */
export async function createRewardServer(options: RewardServerOptions = {}): Promise<RewardServer> {
  const app = createRewardApp(options);
  const host = options.host ?? '127.0.0.1';
  const port = options.port ?? 0;
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: host, port }, (address: AddressInfo) => {
      const shown = address.family === 'IPv6' ? `[${address.address}]` : address.address;
      resolve({
        url: `http://${shown}:${address.port}`,
        port: address.port,
        close: () => new Promise((done, failed) => server.close((error) => (error ? failed(error) : done()))),
      });
    });
    server.once('error', (cause: Error) =>
      reject(
        new EnvironmentError({
          code: 'REWARDS_CANNOT_LISTEN',
          message: `Cannot listen on ${host}:${port}: ${cause.message}. Choose another --port or --host.`,
          context: { host, port },
          cause,
        }),
      ),
    );
  });
}
