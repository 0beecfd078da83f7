import { Template } from '@huggingface/jinja';
import { TokenizerError } from './errors.js';
import { specialTokenText, tokenizerConfigSchema } from './tokenizer-files.js';

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

export interface FormatChatOptions {
  /** End with the header of an assistant turn, so that the model answers. Default true. */
  readonly addGenerationPrompt?: boolean;
}

/** Special tokens of models trained from scratch; the first one pads. */
export const tinySpecialTokens = ['<|pad|>', '<|user|>', '<|assistant|>', '<|end|>'] as const;

/** Chat template of models trained from scratch: role token, text, end token. */
export const tinyChatTemplate =
  "{% for message in messages %}{{ '<|' + message.role + '|>' + message.content + '<|end|>' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";

/** The text of a conversation by the Jinja template in `tokenizer_config.json`. Throws `TokenizerError`. */
export function formatChat(
  tokenizerConfig: unknown,
  messages: readonly ChatMessage[],
  options: FormatChatOptions = {},
): string {
  const config = tokenizerConfigSchema.parse(tokenizerConfig);
  const given = config.chat_template;
  const source =
    typeof given === 'string'
      ? given
      : (given?.find(({ name }) => name === 'default') ?? given?.[0])?.template;
  if (source === undefined) {
    throw new TokenizerError({
      code: 'CHAT_TEMPLATE_MISSING',
      message:
        'tokenizer_config.json: expected chat_template, found none. This is not a chat model; give it plain text.',
    });
  }
  try {
    return new Template(source).render({
      messages: messages.map((message) => ({ ...message })),
      add_generation_prompt: options.addGenerationPrompt ?? true,
      bos_token: specialTokenText(config.bos_token) ?? '',
      eos_token: specialTokenText(config.eos_token) ?? '',
    });
  } catch (cause) {
    throw new TokenizerError({
      code: 'CHAT_TEMPLATE_FAILED',
      message: `tokenizer_config.json: the chat template failed: ${(cause as Error).message}`,
      cause,
    });
  }
}
