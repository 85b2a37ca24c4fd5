// A uPlot chart that fits its place and its colours: as wide as its host, redrawn when the colour scheme changes.
// Colours come from CSS variables at every drawing. Knows no data. Read next: decades.ts, size-chart.ts, loss-chart.ts.
import uPlot from "uplot";
import { decades, labelled } from "./decades.ts";

/** The colour that a CSS variable has now. */
export function colour(variable: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(variable).trim();
}

type Options = Omit<uPlot.Options, "width" | "height" | "legend">;

export interface Frame {
  readonly chart: uPlot;
  dispose(): void;
}

/** uPlot names its kinds of scale by a constant enum, which a file compiled by itself cannot read: this is its third. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- the reason above
export const logarithmic: uPlot.Scale.Distr = 3;

/** The marks of a logarithmic axis: those with a label get a line too, the others would crowd the paper. */
export const logarithmicMarks: Pick<uPlot.Axis, "splits" | "filter" | "grid"> = {
  splits: (_, _axis, least, largest) => decades(least, largest),
  filter: (_, splits) => labelled(splits),
  grid: { filter: (_, splits) => labelled(splits) },
};

/** Labels of an axis: nothing where a split was left out. uPlot gives null there, which its types do not say. */
export const shown =
  (show: (value: number) => string) =>
  (split: number | null): string =>
    split === null ? "" : show(split);

const font = "12px ui-sans-serif, system-ui, sans-serif";

/** An axis in the page's colours. */
export function axis(more: uPlot.Axis): uPlot.Axis {
  return {
    stroke: () => colour("--muted"),
    font,
    labelFont: font,
    labelSize: 18,
    labelGap: 2,
    ticks: { stroke: () => colour("--grid"), width: 1, size: 4 },
    ...more,
    // Merged, not replaced: an axis says only what of its lines is different.
    grid: { stroke: () => colour("--grid"), width: 1, ...more.grid },
  };
}

export function frameIn(host: HTMLElement, options: Options, data: uPlot.AlignedData): Frame {
  const size = (): { width: number; height: number } => {
    const width = Math.max(240, host.clientWidth);
    return { width, height: Math.round(Math.min(420, Math.max(260, width * 0.52))) };
  };
  host.replaceChildren();
  const chart = new uPlot({ ...options, ...size(), legend: { show: false } }, data, host);
  const fit = new ResizeObserver(() => {
    const { width, height } = size();
    if (width !== chart.width || height !== chart.height) chart.setSize({ width, height });
  });
  fit.observe(host);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const recolour = (): void => chart.redraw(false, true);
  scheme.addEventListener("change", recolour);
  return {
    chart,
    dispose: () => {
      fit.disconnect();
      scheme.removeEventListener("change", recolour);
      chart.destroy();
    },
  };
}
