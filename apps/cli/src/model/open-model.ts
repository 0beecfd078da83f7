import { stat } from 'node:fs/promises';
import { type BackendName, type BackendReport, selectBackend } from '@srcode/backend';
import { InputError, wrapFileError } from '@srcode/core';
import { type LoadedModel, loadAdapter, loadGguf, loadModel, mergeLora } from '@srcode/model';
import { type Command, Option } from 'commander';

export interface ModelOptions {
  readonly model: string;
  readonly adapter?: string;
  readonly backend?: BackendName;
}

export interface OpenedModel extends LoadedModel {
  readonly backend: BackendReport;
  /** Ids that end an answer. */
  readonly stopTokenIds: readonly number[];
}

/** Adds `--backend`, and `--adapter` for a model's PEFT adapter. */
export function withModelOptions(command: Command): Command {
  return command
    .option('--adapter <folder>', 'PEFT adapter to merge into the model')
    .addOption(
      new Option('--backend <name>', 'tensor backend (default: the best there is)').choices([
        'tensorflow',
        'wasm',
        'cpu',
      ]),
    );
}

/** The weights and tokenizer at a path: a Hugging Face folder, or a `.gguf` file. */
async function loadWeights(path: string): Promise<LoadedModel> {
  let isFolder: boolean;
  try {
    isFolder = (await stat(path)).isDirectory();
  } catch (error) {
    throw wrapFileError(error, path, 'read');
  }
  if (isFolder) return loadModel(path);
  if (path.endsWith('.gguf')) return loadGguf(path);
  throw new InputError({
    code: 'MODEL_UNKNOWN_FORMAT',
    message: `${path}: expected a model folder (config.json, model.safetensors, tokenizer.json) or a .gguf file.`,
    context: { path },
  });
}

/** Chooses the backend and opens the model on it, its adapter merged in. Caller disposes the model. */
export async function openModel(options: ModelOptions): Promise<OpenedModel> {
  const backend = await selectBackend(options.backend === undefined ? {} : { prefer: options.backend });
  const { model, tokenizer } = await loadWeights(options.model);
  if (options.adapter !== undefined) {
    try {
      await loadAdapter(model, options.adapter);
      mergeLora(model);
    } catch (error) {
      model.dispose();
      throw error;
    }
  }
  const stopTokenIds = [...new Set([tokenizer.eosTokenId, ...model.config.eosTokenIds])];
  return { model, tokenizer, backend, stopTokenIds };
}
