import { html, type SafeHtml } from '../html/html.js';
import { armLabel, orderArms } from '../internal/arms.js';
import { formatNumber } from '../internal/format.js';
import { cutHeatSegments, type HeatSegment } from '../internal/heat-map.js';
import type { RolloutSample } from '../report-input.js';
import type { RolloutLine } from '../schemas.js';

/** Longer answers and prompts are cut here; the rest is in the run folder. */
const MAX_TEXT = 6000;
const MAX_SPANS_LISTED = 24;

function describeSegment({ value, span }: HeatSegment): string {
  const side = value > 0 ? 'secure' : 'vulnerable';
  const parts = [`${side} ${value > 0 ? '+' : ''}${formatNumber(value)}`];
  if (span) {
    if (span.hunk >= 0) parts.push(`hunk ${span.hunk + 1}`);
    parts.push(`score ${formatNumber(span.score)}`, span.reason.slice(0, 120));
  }
  return parts.filter((part) => part !== '').join(' · ');
}

function renderSegment(segment: HeatSegment): SafeHtml {
  if (segment.level === 0) return html`${segment.text}`;
  const side = segment.level > 0 ? 's' : 'v';
  return html`<span class="${side}${Math.abs(segment.level)}" title="${describeSegment(segment)}">${segment.text}</span>`;
}

function renderCode(line: RolloutLine): SafeHtml {
  const cut = line.rollout.completion.length > MAX_TEXT;
  const segments = cutHeatSegments(line);
  if (!segments)
    return html`<p class="warn">Rewards (${line.rewards.values.length}) and tokens (${line.rollout.tokenOffsets.length}) differ in number: no colours.</p><pre class="code" tabindex="0">${line.rollout.completion.slice(0, MAX_TEXT)}</pre>`;
  const shown: HeatSegment[] = [];
  let length = 0;
  for (const segment of segments) {
    if (length >= MAX_TEXT) break;
    shown.push({ ...segment, text: segment.text.slice(0, MAX_TEXT - length) });
    length += segment.text.length;
  }
  return html`<pre class="code heat" tabindex="0">${shown.map(renderSegment)}</pre>${cut && html`<p class="warn">Cut after ${MAX_TEXT} characters.</p>`}`;
}

/** The same information as the colours and hovers, as text. */
function renderSpans(line: RolloutLine): SafeHtml | null {
  const { spans } = line.rewards;
  if (spans.length === 0) return null;
  const rows = spans.slice(0, MAX_SPANS_LISTED).map((span) => {
    const text = line.rollout.completion.slice(span.start, Math.min(span.end, span.start + 80));
    return html`<tr><td>${span.side}</td><td class="n">${span.hunk >= 0 ? span.hunk + 1 : '–'}</td><td class="n">${formatNumber(span.value)}</td><td class="n">${formatNumber(span.score)}</td><td><code>${text}</code></td><td>${span.reason.slice(0, 160)}</td></tr>`;
  });
  const left = spans.length - rows.length;
  return html`<details><summary>${spans.length} reward span${spans.length === 1 ? '' : 's'}</summary><div class="scroll"><table><thead><tr><th scope="col">Side</th><th scope="col" class="n">Hunk</th><th scope="col" class="n">Value</th><th scope="col" class="n">Score</th><th scope="col">Text</th><th scope="col">Reason</th></tr></thead><tbody>${rows}</tbody></table></div>${left > 0 && html`<p class="note">and ${left} more</p>`}</details>`;
}

function renderRollout(line: RolloutLine, sample: RolloutSample): SafeHtml {
  const { total, strategy } = line.rewards;
  const sign = total > 0 ? 'pos' : total < 0 ? 'neg' : 'zero';
  return html`<article class="card item" data-sign="${sign}"><header><b>step ${line.step}</b><span>seed ${sample.seed}</span><span>${strategy} reward</span>${renderTotal(line)}<span class="id">${line.pairId}</span></header>
<p class="prompt">${line.rollout.prompt.slice(0, MAX_TEXT)}</p>${renderCode(line)}${renderSpans(line)}</article>`;
}

function renderTotal({ rewards: { total } }: RolloutLine): SafeHtml {
  const sign = total > 0 ? 'pos' : total < 0 ? 'neg' : 'zero';
  return html`<span class="total ${sign}">${total > 0 ? '+' : ''}${formatNumber(total)}</span>`;
}

const legend = html`<ul class="legend heat"><li><span class="s1">weak</span><span class="s2">·</span><span class="s3">·</span><span class="s4">strong</span> realises the secure side (solid underline)</li><li><span class="v1">weak</span><span class="v2">·</span><span class="v3">·</span><span class="v4">strong</span> realises the vulnerable side (dashed underline)</li><li><span>plain</span> no reward</li></ul>`;

/** Tasks shown with one answer per arm. */
const MAX_SHARED_TASKS = 3;

interface Item {
  readonly line: RolloutLine;
  readonly sample: RolloutSample;
}

/** For the tasks that most arms answered, and got a reward for, each arm's latest answer: one reward placed in different ways. */
function pickSharedTasks(items: readonly Item[]): Item[][] {
  const byTask = new Map<string, Map<string, Item>>();
  for (const item of items) {
    const arms = byTask.get(item.line.pairId) ?? new Map<string, Item>();
    const known = arms.get(item.sample.arm);
    if (!known || item.line.step > known.line.step) arms.set(item.sample.arm, item);
    byTask.set(item.line.pairId, arms);
  }
  const rewarded = (group: readonly Item[]): number =>
    group.filter(({ line }) => line.rewards.total !== 0).length;
  return [...byTask.values()]
    .map((arms) => orderArms(arms.keys()).map((arm) => arms.get(arm)!))
    .filter((group) => group.length > 1)
    .sort(
      (a, b) => b.length - a.length || rewarded(b) - rewarded(a) || b.at(-1)!.line.step - a.at(-1)!.line.step,
    )
    .slice(0, MAX_SHARED_TASKS);
}

function renderSharedTasks(groups: readonly Item[][]): SafeHtml | null {
  if (groups.length === 0) return null;
  return html`<h3>One task, several arms</h3><p class="note">Tasks of the sample in which most arms got a reward come first here.</p>${groups.map(
    (group) => {
      const { line: first } = group[0]!;
      const samePrompt = group.every(({ line }) => line.rollout.prompt === first.rollout.prompt);
      const prompt = (line: RolloutLine) =>
        html`<p class="prompt">${line.rollout.prompt.slice(0, MAX_TEXT)}</p>`;
      return html`<div class="card"><header><b>${first.pairId}</b></header>${samePrompt && prompt(first)}<div class="trio">${group.map(
        ({ line, sample }) =>
          html`<article><header><b>${armLabel(sample.arm)}</b><span>step ${line.step}</span><span>seed ${sample.seed}</span>${renderTotal(line)}</header>${!samePrompt && prompt(line)}${renderCode(line)}${renderSpans(line)}</article>`,
      )}</div></div>`;
    },
  )}`;
}

/** Token heat maps of sampled rollouts: some tasks across arms, then every arm's sample. */
export function renderHeatMaps(samples: readonly RolloutSample[], left: number): SafeHtml | null {
  const items = samples.flatMap((sample) => sample.shown.map((line) => ({ line, sample })));
  if (items.length === 0) {
    if (left === 0) return null;
    return html`<section id="heat-maps"><h2>Token heat maps</h2><p class="note">All ${left} rollouts were left out to keep this file small.</p></section>`;
  }
  const groups = orderArms(items.map(({ sample }) => sample.arm)).map((arm) => {
    const own = items.filter(({ sample }) => sample.arm === arm).sort((a, b) => b.line.step - a.line.step);
    const total = samples.reduce((sum, sample) => sum + (sample.arm === arm ? sample.total : 0), 0);
    return html`<details class="group"><summary>${armLabel(arm)} <small>${own.length} of ${total} rollouts, latest first</small></summary><div class="list cards" data-page="6">${own.map(({ line, sample }) => renderRollout(line, sample))}</div></details>`;
  });
  return html`<section id="heat-maps" data-filter="rollouts"><h2>Token heat maps</h2>
<p class="note">Answers that the policies sampled during training, with the reward each token got. An even sample over the run, not a choice of good ones. Strength is relative to the strongest token of the same answer; hover or open the list for the figures. ⏎ is a line break that carries reward, ∎ a token without text, such as the end of the answer.${left > 0 ? ` ${left} rollouts were left out to keep this file small.` : ''}</p>
${legend}${renderSharedTasks(pickSharedTasks(items))}<h3>All sampled rollouts</h3><div class="filters"></div>${groups}</section>`;
}
