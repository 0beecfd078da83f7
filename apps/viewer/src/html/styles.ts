const light = `color-scheme:light;--page:#fff;--text:#1b1f24;--soft:#57606a;--line:#d5dae0;--panel:#f6f8fa;--accent:#0a5c9c;
--arm-base:#6e7781;--arm-sft:#c77d00;--arm-instance:#b4588f;--arm-line:#00805d;--arm-token:#0068b0;--arm-more:#8250df;--arm-spare-2:#a40e26;--arm-spare-3:#4d7c0f;
--sev-critical:#5c1a00;--sev-high:#b04300;--sev-medium:#e58a2b;--sev-low:#f3cf9b;
--s:0,104,176;--v:204,85,0;--yes:#00663f;--no:#a13300;--label-bg:#fff4d6;--label-line:#d9a514;--label-text:#4a3600;--shade:0,104,176`;
const dark = `color-scheme:dark;--page:#0f1319;--text:#e6eaef;--soft:#a3acb7;--line:#2f3742;--panel:#171d26;--accent:#6bb6f2;
--arm-base:#a7b0ba;--arm-sft:#f0b13c;--arm-instance:#e096c4;--arm-line:#36c79c;--arm-token:#5cadf0;--arm-more:#b79aff;--arm-spare-2:#ff8b8b;--arm-spare-3:#a9d65c;
--sev-critical:#ff5c38;--sev-high:#f08a3c;--sev-medium:#c9894a;--sev-low:#7d6546;
--s:70,160,240;--v:245,135,50;--yes:#4fd0a0;--no:#ff9a66;--label-bg:#33290b;--label-line:#a8841b;--label-text:#f5e2a8;--shade:70,160,240`;

/** Token colours in four strengths per side; the underline tells the sides apart without colour. */
const heat = (['s', 'v'] as const)
  .flatMap((side) =>
    [0.16, 0.32, 0.5, 0.7].map(
      (alpha, i) =>
        `.${side}${i + 1}{background:rgba(var(--${side}),${alpha});border-bottom:2px ${side === 's' ? 'solid' : 'dashed'} rgb(var(--${side}));border-radius:2px}`,
    ),
  )
  .join('\n');

/** The page's whole style sheet. System fonts: the file loads nothing. */
export const styles = `:root{${light}}
@media (prefers-color-scheme:dark){:root{${dark}}}
*{box-sizing:border-box}
html{scroll-padding-top:4rem}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main,header.page{max-width:74rem;margin:0 auto;padding:0 1.5rem}
header.page{padding-top:2.2rem}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .2rem;letter-spacing:-.01em}
h2{font-size:1.4rem;margin:0 0 .4rem;letter-spacing:-.01em}
h3{font-size:1.05rem;margin:1.6rem 0 .5rem}
h4{font-size:.95rem;margin:1rem 0 .3rem}
section{padding:1.8rem 0;border-top:1px solid var(--line)}
section:first-of-type{border-top:0}
a{color:var(--accent)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:3px}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:1rem;background:var(--page);padding:.5rem 1rem;z-index:9}
.sub{color:var(--soft);margin:0}
nav{position:sticky;top:0;background:var(--page);border-bottom:1px solid var(--line);z-index:5}
nav ul{max-width:74rem;margin:0 auto;padding:.55rem 1.5rem;list-style:none;display:flex;gap:1.3rem;overflow-x:auto;white-space:nowrap;font-size:.92rem}
nav a{text-decoration:none}nav a:hover{text-decoration:underline}
.facts{display:flex;flex-wrap:wrap;gap:.5rem 2rem;margin:1rem 0 1.2rem;font-size:.9rem}
.facts div{min-width:0;max-width:100%}.facts dt{color:var(--soft);font-size:.78rem}.facts dd{margin:0;overflow-wrap:anywhere}
.labels{background:var(--label-bg);border:1px solid var(--label-line);border-left-width:6px;color:var(--label-text);border-radius:6px;padding:.7rem 1rem;margin:1rem 0}
.labels ul{margin:.2rem 0 0;padding-left:1.2rem}
.missing{border:1px solid var(--line);border-radius:6px;padding:.5rem 1rem;margin:1rem 0;font-size:.9rem}
.missing ul{margin:.3rem 0;padding-left:1.2rem}
.lead{font-size:1.15rem;max-width:54rem;margin:.2rem 0 1.2rem}
.note{color:var(--soft);font-size:.9rem;max-width:54rem;margin:.3rem 0 .8rem}
.warn{color:var(--no);font-size:.88rem;margin:.3rem 0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:.7rem;margin-bottom:1.4rem}
.claims tbody td:nth-child(2){font-variant-numeric:tabular-nums}
.tile{background:var(--panel);border:1px solid var(--line);border-radius:8px;padding:.7rem .9rem;display:flex;flex-direction:column;font-size:.84rem;color:var(--soft)}
.tile.focus{border-color:var(--arm-token);box-shadow:inset 0 0 0 1px var(--arm-token)}
.tile-name{color:var(--text);font-weight:600;font-size:.9rem}
.tile strong{color:var(--text);font-size:1.7rem;line-height:1.25;font-variant-numeric:tabular-nums}
figure{margin:0}#findings figure{max-width:54rem}.figures .plot,#findings .plot{min-width:0}.figures figure:first-child .plot svg,#findings .plot svg{min-width:25rem}figcaption{color:var(--soft);font-size:.88rem;margin-bottom:.3rem}
.figures{display:grid;grid-template-columns:minmax(0,1.75fr) minmax(0,1fr);gap:1.5rem;align-items:start}
.stages{display:flex;flex-wrap:wrap;gap:0 2rem}.stage{flex:1 1 21rem;max-width:100%;min-width:0}.stage.wide{flex-basis:100%}.stage:not(.wide){max-width:26rem}
.list.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(33rem,100%),1fr));gap:0 1rem;align-items:start}
.trio{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(20rem,100%),1fr));gap:0 1rem;align-items:start}
.trio article{min-width:0}.trio pre.code{white-space:pre-wrap;overflow-wrap:anywhere}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(21rem,100%),1fr));gap:1rem 1.5rem}
figure.small figcaption{color:var(--text);font-weight:600}
.plot{overflow-x:auto;overflow-y:hidden}.plot svg{width:100%;max-width:100%;height:auto;display:block;overflow:visible;font-size:12px}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;padding:0;margin:.3rem 0 .6rem;font-size:.9rem}
.swatch{display:inline-block;width:.85rem;height:.85rem;border-radius:3px;margin-right:.4rem;vertical-align:-.08rem}
.sev-critical{background:var(--sev-critical)}.sev-high{background:var(--sev-high)}.sev-medium{background:var(--sev-medium)}.sev-low{background:var(--sev-low)}
.scroll{overflow-x:auto}.scroll.tall{max-height:34rem;overflow-y:auto;border:1px solid var(--line);border-radius:6px}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;padding:.38rem .7rem;border-bottom:1px solid var(--line);vertical-align:baseline}
thead th{color:var(--soft);font-weight:600;font-size:.82rem;vertical-align:bottom}
tbody th{font-weight:500;white-space:nowrap}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td small{color:var(--soft);display:block;font-size:.78rem}
.claims tbody th{white-space:normal;min-width:14rem}
.reading{white-space:nowrap;font-weight:600}.yes{color:var(--yes)}.no{color:var(--no)}.open{color:var(--soft)}
.families thead th{position:sticky;top:0;background:var(--page);z-index:1}
.families .total{font-weight:650}.families .total th{font-weight:650}
.shade{background:rgba(var(--shade),calc(var(--share)*.55))}
details{margin:.6rem 0}summary{cursor:pointer}summary small{color:var(--soft)}
details.group>summary,details.pair>summary{padding:.55rem .8rem;background:var(--panel);border:1px solid var(--line);border-radius:6px}
details.group>summary{font-weight:600}details.group>summary small{font-weight:400}
.card{min-width:0;border:1px solid var(--line);border-radius:8px;padding:.8rem 1rem;margin:.8rem 0}
.card header,.trio header{display:flex;flex-wrap:wrap;gap:.2rem 1rem;font-size:.88rem;color:var(--soft);align-items:baseline}
.card header b,.trio header b{color:var(--text)}.card .id{overflow-wrap:anywhere}
.total{font-weight:650;font-variant-numeric:tabular-nums}.total.pos{color:rgb(var(--s))}.total.neg{color:rgb(var(--v))}
.prompt{background:var(--panel);border-left:3px solid var(--line);padding:.4rem .8rem;margin:.5rem 0;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.9rem}
pre.code,code,.diff{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
code{font-size:.88em;overflow-wrap:anywhere}
pre.code{margin:.5rem 0;padding:.8rem 1rem;background:var(--panel);border-radius:6px;overflow-x:auto;font-size:.84rem;line-height:1.65;tab-size:4;max-height:38rem}
.legend.heat span{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.85rem;padding:0 .35em}
${heat}
.diff{font-size:.8rem;line-height:1.5;table-layout:fixed;min-width:56rem;tab-size:4}
.diff th{font-family:system-ui,sans-serif}
.diff td{border:0;padding:0 .6rem;vertical-align:top}
.diff .ln{width:2.8rem;text-align:right;color:var(--soft);padding:0 .4rem;user-select:none}
.diff col.lines{width:2.8rem}
.diff .src{white-space:pre-wrap;overflow-wrap:anywhere}
.diff .src.v{background:rgba(var(--v),.1)}.diff .src.s{background:rgba(var(--s),.1)}.diff .none{background:var(--panel)}
del,ins{text-decoration:none;border-radius:2px}
del{background:rgba(var(--v),.34);border-bottom:2px dashed rgb(var(--v))}ins{background:rgba(var(--s),.34);border-bottom:2px solid rgb(var(--s))}
.verdict{font-weight:600;font-size:.85rem;margin:0 .4rem}
.prompts dt{font-weight:600;font-size:.85rem;color:var(--soft)}.prompts dd{margin:0 0 .6rem;white-space:pre-wrap;overflow-wrap:anywhere}
.filters{display:flex;flex-wrap:wrap;gap:.6rem;margin:.4rem 0}
.filters input,.filters select,.pager button{font:inherit;font-size:.9rem;color:inherit;background:var(--page);border:1px solid var(--line);border-radius:6px;padding:.3rem .6rem}
.filters input{min-width:min(22rem,100%)}
.pager{display:flex;gap:.6rem;align-items:center;font-size:.9rem;color:var(--soft)}
.pager button:disabled{opacity:.45}
[hidden]{display:none!important}
footer{max-width:74rem;margin:0 auto;padding:1.5rem;color:var(--soft);font-size:.85rem;border-top:1px solid var(--line)}
@media (max-width:60rem){.figures{grid-template-columns:minmax(0,1fr)}}
@media (max-width:44rem){main,header.page,nav ul,footer{padding-left:1rem;padding-right:1rem}h1{font-size:1.5rem}.claims thead{display:none}.claims tr{display:block;padding:.6rem 0;border-bottom:1px solid var(--line)}.claims tr>*{display:block;border:0;padding:.1rem 0;min-width:0}.tiles{grid-template-columns:repeat(2,minmax(0,1fr))}}
@media print{nav,.filters,.pager{display:none}details{break-inside:avoid}body{font-size:12px}}`;
