// Shows the data of the page; everything was computed before.
const byId = (id) => document.getElementById(id);
const packed = Uint8Array.from(atob(byId("data").textContent), (letter) => letter.charCodeAt(0));
const data = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
const SIGNS = {
  "1": { color: "#0072b2", dash: "solid", word: "activates" },
  "-1": { color: "#d55e00", dash: "dash", word: "represses" },
  "0": { color: "#767676", dash: "solid", word: "sign unclear" },
};
const STEPS = Array.from({ length: 25 }, (_, i) => i / 24);
const CONFIG = { responsive: true, displaylogo: false, displayModeBar: false };
const touch = matchMedia("(pointer: coarse)").matches;

// plotly reads tags and entities in texts
const escape = (name) => String(name).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const letters = () => (document.body.clientWidth < 600 ? 10 : 18);  // names must leave room for what they name
const short = (name) => escape(name.length > letters() ? name.slice(0, letters() - 1) + "…" : name);
const edgesOf = (columns) => columns.source.map((source, i) => ({
  source, target: columns.target[i], weight: columns.weight[i], sign: columns.sign[i],
}));
const describe = (from, to, edge) =>
  `${escape(from)} → ${escape(to)}<br>weight ${edge.weight.toPrecision(3)}, ${SIGNS[edge.sign].word}`;

function draw(id, traces, layout) {
  const base = { showlegend: false, hovermode: "closest", dragmode: touch ? false : "zoom", font: { family: "system-ui, sans-serif", size: 13 } };
  Plotly.react(byId(id), traces, { ...base, ...layout }, CONFIG);
}

function curve(edge, x, y, text, faint, widest) {
  const { color, dash } = SIGNS[edge.sign];
  return {
    x, y, mode: "lines", text: x.map(() => text), hoverinfo: "text", opacity: faint ? 0.25 : 0.85,
    line: { color, dash, width: 1 + 5 * Math.min(1, edge.weight / widest) },
  };
}

function nodes(names, x, position, side) {
  return {
    x: names.map(() => x), y: names.map((_, i) => position(i)), mode: "markers+text", text: names.map(short), hovertext: names.map(escape),
    hoverinfo: "text", textposition: `middle ${side}`, cliponaxis: false, marker: { size: 9, color: "#1f2933", symbol: side === "left" ? "circle" : "square" },
  };
}

// The edges of one TF and, of its targets, those of others; or the strongest of all.
function chosenEdges(tf) {
  if (tf < 0) return edgesOf(data.targets.strongest[state.type]);
  const edges = edgesOf(data.targets.edges[state.type]).sort((a, b) => b.weight - a.weight);
  const own = edges.filter((edge) => edge.source === tf);
  const targets = new Set(own.map((edge) => edge.target));
  const others = edges.filter((edge) => edge.source !== tf && targets.has(edge.target)).slice(0, 20);
  return [...own, ...others];
}

function drawNetwork() {
  const { tfs, genes } = data.targets;
  const edges = chosenEdges(state.tf);
  const left = [...new Set(edges.map((edge) => edge.source))];
  const mean = (gene) => {  // a gene stands beside its TFs, so that lines cross little
    const places = edges.filter((edge) => edge.target === gene).map((edge) => left.indexOf(edge.source));
    return places.reduce((a, b) => a + b, 0) / places.length;
  };
  const right = [...new Set(edges.map((edge) => edge.target))];
  if (state.tf < 0) right.sort((a, b) => mean(a) - mean(b));
  const place = (n) => (i) => (i + 0.5) / n;
  const own = edges.filter((edge) => state.tf < 0 || edge.source === state.tf);
  const widest = Math.max(...own.map((edge) => edge.weight), 1e-300);
  const lines = edges.map((edge) => {
    const from = place(left.length)(left.indexOf(edge.source));
    const to = place(right.length)(right.indexOf(edge.target));
    const y = STEPS.map((t) => from + (to - from) * t * t * (3 - 2 * t));
    const faint = state.tf >= 0 && edge.source !== state.tf;
    return curve(edge, STEPS, y, describe(tfs[edge.source], genes[edge.target], edge), faint, widest);
  });
  const dots = [
    nodes(left.map((i) => tfs[i]), 0, place(left.length), "left"),
    nodes(right.map((i) => genes[i]), 1, place(right.length), "right"),
  ];
  const margin = (names) => 20 + 8 * Math.max(3, ...names.map((name) => Math.min(name.length, letters())));
  draw("figure-network", [...lines, ...dots], {
    height: 60 + 24 * Math.max(left.length, right.length, 5),
    margin: { l: margin(left.map((i) => tfs[i])), r: margin(right.map((i) => genes[i])), t: 20, b: 20 },
    xaxis: { visible: false, range: [-0.03, 1.03], fixedrange: true },
    yaxis: { visible: false, range: [1, 0], fixedrange: true },
  });
}

function drawLocus() {
  const { genes, chrom, tss, strand, quality, peaks, start, end, edges: all } = data.loci;
  const gene = state.gene;
  if (!genes.length) return;
  const edges = edgesOf(all[state.type]).filter((edge) => edge.target === gene);
  const middle = (edge) => (start[edge.source] + end[edge.source]) / 2e6;
  const widest = Math.max(...edges.map((edge) => edge.weight), 1e-300);
  const at = tss[gene] / 1e6;
  const texts = edges.map((edge) =>
    `${describe(peaks[edge.source], genes[gene], edge)}<br>${Math.round(Math.abs(middle(edge) - at) * 1000)} kb from the TSS`);
  const arcs = edges.map((edge, i) => curve(
    edge, STEPS.map((t) => at + (middle(edge) - at) * t), STEPS.map((t) => 4 * t * (1 - t) * edge.weight), texts[i], false, widest));
  const boxes = {
    x: edges.map(middle), y: edges.map(() => 0), mode: "markers", marker: { symbol: "square", size: 9, color: edges.map((edge) => SIGNS[edge.sign].color) },
    text: texts, hoverinfo: "text", cliponaxis: false,
  };
  const arrow = { "+": "triangle-right", "-": "triangle-left" }[strand[gene]] ?? "diamond";
  const name = {
    x: [at], y: [0], mode: "markers+text", text: [short(genes[gene])], textposition: "bottom center", cliponaxis: false,
    hovertext: [`TSS of ${escape(genes[gene])}, ${chrom[gene]}:${tss[gene].toLocaleString("en")}`], hoverinfo: "text",
    marker: { symbol: arrow, size: 15, color: "#1f2933" },
  };
  const known = quality[gene] === null ? "" : `Correlation with held-out expression: ${quality[gene].toFixed(2)}. `;
  byId("gene-quality").textContent = known + (edges.length ? "" : "No peak has a weight for it here.");
  draw("figure-locus", [...arcs, boxes, name], {
    height: 340,
    margin: { l: 60, r: 20, t: 15, b: 50 },
    xaxis: { title: { text: escape(`${chrom[gene]}, Mb ${data.genome ? `(${data.genome})` : ""}`) }, nticks: 6, zeroline: false, showgrid: false },
    yaxis: { title: { text: "cis weight", standoff: 8 }, automargin: true, range: [-0.18 * widest, 1.1 * widest], nticks: 5, tickformat: ".2~g", zeroline: true, zerolinecolor: "#8794a1" },
  });
}

function pick(what, name) {
  const names = { tf: data.targets.tfs, gene: data.loci.genes }[what];
  const found = names.indexOf(name);
  byId(`${what}-message`).value = found < 0 && name !== "" ? `${name} is not on this page.` : "";
  if (found < 0 && !(what === "tf" && name === "")) return;
  byId(what).value = name;
  state[what] = found;
  (what === "tf" ? drawNetwork : drawLocus)();
}

function showTable(table) {
  const known = { tf: new Set(data.targets.tfs), gene: new Set(data.loci.genes) };
  const columns = table.columns.map(({ title, numeric, pick: what }) => ({
    title: escape(title), type: numeric ? "num" : "string", className: numeric ? "dt-right" : "",
    defaultContent: "", render: DataTable.render.text(),
    createdCell: (cell, name) => {
      if (!what || !known[what].has(name)) return;
      const button = Object.assign(document.createElement("button"), { type: "button", className: "pick", textContent: name });
      button.onclick = () => { pick(what, name); byId(what === "tf" ? "network" : "locus").scrollIntoView(); byId(what).focus({ preventScroll: true }); };
      cell.replaceChildren(button);
    },
  }));
  const rows = () => table.rows[table.by_type ? state.type : 0];
  const filename = () => [table.name, ...(table.by_type ? [data.names[state.type]] : [])].join("_").replace(/[^\w.+-]+/g, "_");
  const made = new DataTable(`#table-${table.name}`, {
    data: rows(), columns, order: [], pageLength: 10, autoWidth: false,
    layout: {
      topStart: { buttons: [{ extend: "csvHtml5", text: "Download CSV", filename, exportOptions: { orthogonal: "export", format: { body: (value) => value ?? "" } } }] },  // as it is: names are no HTML
      topEnd: "search", bottomStart: "info", bottomEnd: "paging",
    },
  });
  // a column may be empty for all cells, or in a type
  const show = () => columns.forEach((_, i) => made.column(i).visible(!rows().length || rows().some((row) => row[i] !== null), false));
  show();
  return () => {
    if (!table.by_type) return;
    made.clear().rows.add(rows()).order([]).draw();
    show();
  };
}

function option(name) {
  return Object.assign(document.createElement("option"), { value: name });
}

const state = { type: 0, tf: -1, gene: data.loci.first[0] ?? 0 };
for (const [name, figure] of Object.entries(data.figures)) Plotly.newPlot(byId(`figure-${name}`), figure.data, figure.layout, CONFIG);
const refresh = data.tables.map(showTable);
byId("tf-names").append(...data.targets.tfs.map(option));
byId("gene-names").append(...data.loci.genes.map(option));
byId("tf").onchange = (event) => pick("tf", event.target.value.trim());
byId("gene").onchange = (event) => pick("gene", event.target.value.trim());

function showType() {
  state.type = Number(byId("type").value);
  const label = byId("type").options.length > 1 ? byId("type").selectedOptions[0].textContent : "";
  document.querySelectorAll(".of-type").forEach((element) => { element.textContent = label; });
  drawNetwork();
  drawLocus();
}
byId("type").onchange = () => { showType(); refresh.forEach((again) => again()); };
showType();
byId("gene").value = data.loci.genes[state.gene] ?? "";
document.body.dataset.ready = "yes";
