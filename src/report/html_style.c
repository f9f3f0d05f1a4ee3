/* report/html_style.c: the style of every page: light, dark, narrow and on paper. Colours differ enough from their ground to be read (4.5 to
 * 1), and no fact is told by colour alone: states have a word and a mark. */
#include <config.h>

#include "report/html.h"

/* clang-format off */
const char *const cm_html_style[] = {
    ":root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--ground:#fff;--shade:#f6f8fa;"
    "--good:#1a7f37;--bad:#cf222e;--care:#8a5a00;--link:#0550ae;--bar:#4c8ed9}\n",
    "@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9198a1;--line:#3d444d;--ground:#0d1117;--shade:#151b23;"
    "--good:#3fb950;--bad:#ff7b72;--care:#d29922;--link:#79c0ff;--bar:#3b78c0}}\n",
    "body{margin:0 auto;max-width:90rem;padding:1.5rem;background:var(--ground);color:var(--ink);"
    "font:15px/1.5 system-ui,sans-serif}\n",
    "h1{font-size:1.5rem;overflow-wrap:anywhere}h2{margin-top:3rem;border-bottom:2px solid var(--ink);font-size:1.35rem}\n",
    "h3{margin-top:2rem;border-bottom:1px solid var(--line);font-size:1.1rem}h4{font-size:1rem;margin-bottom:.5rem}\n",
    "p,li{max-width:60rem;overflow-wrap:anywhere}a{color:var(--link)}\n",
    ":focus-visible{outline:3px solid var(--link);outline-offset:2px}\n",
    "nav{background:var(--shade);border:1px solid var(--line);padding:.5rem 1rem}"
    "nav ul{list-style:none;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:.2rem 1.1rem}\n",
    "nav p{margin:.3rem 0;font-weight:600}\n",
    ".verdict{border-left:.4rem solid var(--care);padding:.5rem 1rem;background:var(--shade);font-weight:600;"
    "font-size:1.1rem}\n",
    ".verdict.good{border-color:var(--good)}.verdict.bad{border-color:var(--bad)}\n",
    ".wide{overflow-x:auto;margin:.5rem 0}table{border-collapse:collapse;font-size:.9rem}\n",
    "caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}\n",
    "th,td{border:1px solid var(--line);padding:.25rem .5rem;text-align:left;vertical-align:top;overflow-wrap:break-word;"
    "max-width:32rem}\n",
    "thead th{background:var(--shade);white-space:nowrap}"
    "tbody th{background:var(--shade);font-weight:600;white-space:nowrap}td{white-space:pre-line;unicode-bidi:plaintext}\n",
    "td{min-width:4.5rem}.n{min-width:0;text-align:right;font-variant-numeric:tabular-nums}"
    ".facts td{overflow-wrap:anywhere;max-width:50rem}\n",
    ".good-word::before{content:\"\\2713\\a0\";color:var(--good);font-weight:700}"
    ".bad-word::before{content:\"\\2717\\a0\";color:var(--bad);font-weight:700}\n",
    ".care-word::before{content:\"!\\a0\";color:var(--care);font-weight:700}.bad-word{font-weight:700}\n",
    "pre{background:var(--shade);padding:.75rem;white-space:pre-wrap;overflow-wrap:anywhere}code{overflow-wrap:anywhere}\n",
    "td details pre{white-space:pre-wrap;max-width:40rem;margin:.3rem 0}td summary{cursor:pointer}\n",
    "[hidden]{display:none!important}.tools{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:center;margin:.5rem 0}\n",
    ".tools input,.tools select,.tools button,.more button{font:inherit;color:inherit;background:var(--ground);"
    "border:1px solid var(--soft);border-radius:4px;padding:.2rem .5rem}\n",
    ".tools input{min-width:14rem}"
    "th button{font:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer;text-align:inherit}\n",
    "th button::after{content:\"\\a0\\2195\";color:var(--soft)}"
    "th[aria-sort=ascending] button::after{content:\"\\a0\\2191\";color:var(--ink)}"
    "th[aria-sort=descending] button::after{content:\"\\a0\\2193\";color:var(--ink)}\n",
    ".count{color:var(--soft);margin:.3rem 0}\n",
    "svg{display:block;min-width:44rem;width:100%;max-width:64rem;height:auto;color:var(--ink)}"
    "svg text{fill:currentColor;font:12px system-ui,sans-serif}svg .soft{fill:var(--soft)}\n",
    "svg .bar{fill:var(--bar)}svg .bar.bad{fill:var(--bad)}svg .bar.open{fill:none;stroke:var(--bar);stroke-dasharray:4 3}"
    "svg .bar.clock{fill:var(--care)}\n",
    "svg .grid{stroke:var(--line);fill:none}svg .window{fill:var(--good);fill-opacity:.12}\n",
    "@media(max-width:40rem){body{padding:.75rem}"
    ".facts table,.facts tbody,.facts tr,.facts th,.facts td{display:block;max-width:none;border-width:0 1px}"
    ".facts thead{display:none}.facts tr{border:1px solid var(--line);margin-bottom:.3rem}.facts th{white-space:normal}}\n",
    "@media print{:root{color-scheme:light;--ink:#000;--soft:#444;--ground:#fff;--shade:#fff;--line:#999;--good:#14602a;"
    "--bad:#a40e26;--care:#6b4700;--link:#000;--bar:#5b7fa8}body{max-width:none;padding:0;font-size:9.5pt}"
    "nav,.tools,.more{display:none}h2,h3,h4{break-after:avoid}section+section h2{break-before:page;margin-top:0}"
    "tr{break-inside:avoid}.wide{overflow:visible}table{font-size:8pt;width:100%}"
    "th,td,thead th{overflow-wrap:anywhere;white-space:normal;max-width:none;min-width:0}.n{overflow-wrap:normal}"
    "thead{break-after:avoid}th button::after{content:none}td{white-space:pre-line}svg{min-width:0;break-inside:avoid}}\n",
    NULL,
};
