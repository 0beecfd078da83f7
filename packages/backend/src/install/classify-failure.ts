import {
  DiskSpaceError,
  NetworkUnavailableError,
  PackageUnavailableError,
  type TensorflowInstallError,
} from './errors.js';
import { type CommandResult, lastLines } from './run-command.js';

const networkSigns =
  /ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|name resolution|NewConnectionError|ConnectTimeout|ReadTimeout|Max retries|ProxyError|SSLError|CERT_|network is unreachable|Connection (refused|reset|aborted)/i;
const diskSigns = /ENOSPC|EDQUOT|No space left|Disk quota/i;

/** The typed error for a package client (`pip`, `npm`) that failed to fetch `what`. */
export function classifyFetchFailure(
  client: 'pip' | 'npm',
  what: string,
  result: CommandResult,
): TensorflowInstallError {
  const said = lastLines(result.tail);
  const context = { client, what, exitCode: result.exitCode ?? null, said };
  if (diskSigns.test(result.tail)) {
    return new DiskSpaceError({
      code: 'TENSORFLOW_DISK_FULL',
      message: `${client} ran out of disk space while fetching ${what}. Free space (or point SRCODE_CACHE to another disk) and run \`srcode backend install\` again.`,
      context,
    });
  }
  if (networkSigns.test(result.tail)) {
    return new NetworkUnavailableError({
      code: 'TENSORFLOW_NETWORK',
      message: `${client} could not reach its registry to fetch ${what}. Check the network and ${client}'s proxy or index settings, or give a library you already have: SRCODE_LIBTENSORFLOW=<folder or .whl>. ${client} said: ${said}`,
      context,
    });
  }
  return new PackageUnavailableError({
    code: 'TENSORFLOW_PACKAGE_UNAVAILABLE',
    message: `${client} could not fetch ${what}. If the registry has no build for this machine, give a library of your own (SRCODE_LIBTENSORFLOW) or use the backend \`wasm\`. ${client} said: ${said}`,
    context,
  });
}
