import { createReplayServer, readTeacherRecords } from '@srcode/reflection';
import type { Command } from 'commander';
import type { CliIo } from '../cli-io.js';
import { parseWhole } from '../parse-number.js';
import { type CommonOptions, runAction, withCommonOptions } from '../run-action.js';

export function registerTeacher(program: Command): void {
  const teacher = program.command('teacher').description('teacher servers for dataset building');
  withCommonOptions(teacher.command('replay'))
    .description(
      'serve recorded teacher answers on a local OpenAI-compatible server; every answer says it is a recorded one',
    )
    .requiredOption('--records <file>', 'JSON Lines of PrimeVul+ records or of recorded teacher answers')
    .option('--port <n>', 'port on the loopback interface; 0 takes a free one', parseWhole(), 0)
    .addHelpText(
      'after',
      '\nExample:\n  srcode teacher replay --records data/prime-vul-plus/data.jsonl --port 4517',
    )
    .action(runAction(replayAction));
}

async function replayAction(
  options: CommonOptions & { readonly records: string; readonly port: number },
  io: CliIo,
): Promise<void> {
  const server = await createReplayServer({
    records: readTeacherRecords(options.records),
    label: options.records,
    port: options.port,
  });
  const facts = { baseUrl: server.baseUrl, model: server.model, records: server.records, replayed: true };
  io.out(
    io.json
      ? JSON.stringify(facts)
      : `replaying ${server.records} recorded answers at ${server.baseUrl} (model ${server.model}); Ctrl-C stops`,
  );
  await new Promise<void>((resolve) => {
    if (io.signal.aborted) resolve();
    else io.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await server.close();
  const counts = server.counts();
  io.note(`answered ${counts.answered}, refused ${counts.refused}`);
}
