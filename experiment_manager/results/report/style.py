"""How the report looks, on a phone and on a desk, by day and by night."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --ink: #202124; --muted: #5f6368; --behind: #a3a7ad; --grid: #dadce0;
  --paper: #f6f7f9; --card: #fff; --accent: #00598c; --bad: #a3330a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e8eaed; --muted: #a6abb2; --behind: #62676e; --grid: #3a3e44;
    --paper: #121417; --card: #1b1e22; --accent: #7cc4f0; --bad: #f2936b;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
main { max-width: 76rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .5rem 0; }
h2 { font-size: 1.15rem; margin: 0 0 .75rem; }
h1, h2, p, li, summary, figcaption, tbody th { overflow-wrap: anywhere; }
thead th, td { overflow-wrap: break-word; }
section {
  background: var(--card); border: 1px solid var(--grid); border-radius: .6rem;
  padding: 1rem; margin: 1rem 0;
}
p { margin: .4rem 0; }
.lead { font-size: 1.15rem; }
.quiet, figcaption, footer { color: var(--muted); font-size: .9rem; }
.bad { color: var(--bad); }
.wide { overflow-x: auto; margin: .5rem 0; }
.wide:focus-visible { outline: 2px solid var(--accent); }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td {
  padding: .35rem .9rem .35rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--grid); min-width: 3rem; max-width: 24rem;
}
thead th { color: var(--muted); font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 500; min-width: 9rem; }
.number { text-align: right; white-space: nowrap; }
.figures { columns: 22rem; column-gap: 2rem; }
figure { margin: 0 0 1.75rem; break-inside: avoid; }
figure h3 { font-size: 1rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
figure svg { width: 100%; max-width: 30rem; height: auto; display: block; }
summary { cursor: pointer; color: var(--accent); padding: .25rem 0; }
pre {
  overflow-x: auto; font: .8rem/1.45 ui-monospace, "Cascadia Mono", Menlo, monospace;
  background: var(--paper); border-radius: .4rem; padding: .7rem; margin: .4rem 0;
}
ul { margin: .4rem 0; padding-left: 1.2rem; }
@media print { section { break-inside: avoid; border: 0; } }
"""
