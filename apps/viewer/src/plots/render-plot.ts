import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { html, SafeHtml } from '../html/html.js';

const { document } = parseHTML('<!doctype html><html><body></body></html>');

/**
 * An SVG figure, drawn by Observable Plot into a linkedom document (no browser), with a text alternative.
 * Plot writes data through the DOM, so texts come out escaped.
 */
export function renderPlot(options: Plot.PlotOptions, description: string): SafeHtml {
  const figure = Plot.plot({
    ...options,
    document: document as never,
  });
  // Plot returns an element of linkedom, whose types are not the DOM library's.
  const svg = (figure as unknown as { outerHTML: string }).outerHTML;
  return html`<div class="plot" role="img" aria-label="${description}">${SafeHtml.trust(shorten(svg))}</div>`;
}

/** Coordinates in tenths of a pixel: half the bytes, no visible difference. */
function shorten(svg: string): string {
  return svg.replace(/(?<=[\s",(MLCHVZ-])(\d+\.\d{2,})(?=[\s",)LCHVZM-])/g, (text) =>
    String(Math.round(Number(text) * 10) / 10),
  );
}
