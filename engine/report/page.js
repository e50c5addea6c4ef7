"use strict";
// Draws the charts from the page's own data; asks no network. A value is count * numerator / denominator.
(() => {
  const data = JSON.parse(document.getElementById("run-data").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const LIGHT = ["#b3261e", "#1f5fa8", "#2e7d4f", "#7b3fa0", "#c77700", "#8a8a84", "#00788a", "#30302c"];
  const DARK = ["#ff8a7a", "#7db4f5", "#7fd0a0", "#cfa2ee", "#f2b457", "#8f8f88", "#63cfdd", "#e7e6e1"];
  const HEAT_LIGHT = ["#f2c14e", "#ee9a3a", "#e0702c", "#c94a26", "#a52a24", "#7b1a2a", "#4b1030"];
  const HEAT_DARK = ["#fbe08a", "#f9c067", "#f79a55", "#f0714f", "#dd4b57", "#b53a6c", "#8a3a80"];
  const CLOCK = "%H:%M:%S";
  // Without a clock the axis tells the time since the start: midnight of some day, since plotly misplaces the date 0.
  const START_MS = data.start_ms === null ? Date.UTC(2000, 0, 1) : data.start_ms;
  const PAPER_PX = 700; // A4 and letter between their margins
  const drawn = new Map();
  let isPrinted = false;
  let isFollowing = false;

  const isDark = () => dark.matches && !isPrinted;
  const named = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const moment = (ms) => START_MS + ms;

  function trace(series, chart) {
    const palette = isDark() ? DARK : LIGHT;
    const heat = isDark() ? HEAT_DARK : HEAT_LIGHT;
    const color = series.heat ? heat[Math.min(series.heat, heat.length) - 1] : palette[(series.color || 0) % palette.length];
    const [numerator, denominator] = series.scale;
    const made = {
      name: series.name,
      x: chart.x ? series.t : series.t.map(moment),
      y: series.v.map((count) => (count === null ? null : (count * numerator) / denominator)),
    };
    if (chart.kind === "bars" && !series.is_line) {
      Object.assign(made, { type: "bar", marker: { color, line: { width: 0 }, pattern: { shape: series.pattern || "", fgcolor: named("--ground"), bgcolor: color } } });
      if (chart.width_ms) Object.assign(made, { width: chart.width_ms, offset: 0 });
    } else {
      const line = { color, width: series.thin ? 1.1 : 1.6, dash: series.dash || "solid", shape: series.shape || "linear" };
      Object.assign(made, { type: "scatter", mode: series.stems ? "markers" : "lines", line, marker: { color, size: 6 }, connectgaps: false });
      if (series.stems) { // from each point down to 0: what lies between two windows is nothing
        Object.assign(made, { error_y: { type: "data", symmetric: false, array: made.y.map(() => 0), arrayminus: made.y, color, thickness: 1.5, width: 0 } });
      }
    }
    return made;
  }

  function layout(chart, place) {
    const ink = named("--ink"), rule = named("--rule"), soft = named("--soft");
    const axis = { gridcolor: rule, linecolor: rule, zerolinecolor: soft, tickfont: { color: soft }, automargin: true };
    const title = (text) => ({ text, font: { size: 12, color: soft }, standoff: 6 });
    const made = {
      height: chart.height || 320,
      width: isPrinted ? (place.closest(".pair") ? PAPER_PX / 2 - 16 : PAPER_PX) : undefined,
      margin: { l: 60, r: 12, t: 34, b: 36 },
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: ink },
      hovermode: "x unified",
      hoverlabel: { bgcolor: named("--raised"), bordercolor: rule, font: { color: ink } },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 12 } },
      showlegend: !chart.plain,
      modebar: { bgcolor: "rgba(0,0,0,0)", color: soft, activecolor: ink },
      barmode: "relative",
      xaxis: { ...axis },
      yaxis: { ...axis, title: title(chart.unit), hoverformat: ",.7~g" },
      shapes: [], annotations: [],
    };
    if (chart.x) {
      Object.assign(made.xaxis, { title: title(chart.x), dtick: chart.series[0].t.length > 30 ? undefined : 1 });
    } else {
      Object.assign(made.xaxis, { type: "date", range: [moment(0), moment(data.end_ms)], hoverformat: `${CLOCK}.%L`,
        tickformatstops: [{ dtickrange: [null, 1000], value: "%H:%M:%S.%L" }, { dtickrange: [1000, 60000], value: CLOCK },
          { dtickrange: [60000, 86400000], value: data.start_ms === null ? CLOCK : "%H:%M" }, { dtickrange: [86400000, null], value: "%d %b" }] });
      data.events.forEach((event, place) => {
        const x = moment(event.t);
        made.shapes.push({ type: "line", x0: x, x1: x, yref: "paper", y0: 0, y1: 1, line: { color: soft, width: 1, dash: "dot" } });
        if (chart.key === "prices") {
          made.annotations.push({ x, y: 1 - 0.075 * place, yref: "paper", yanchor: "top", xanchor: "left", text: event.text,
            showarrow: false, font: { size: 11, color: soft }, bgcolor: named("--ground"), xshift: 2 });
        }
      });
    }
    if (chart.line_at !== undefined) {
      made.shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, y0: chart.line_at, y1: chart.line_at, line: { color: soft, width: 1 } });
      made.yaxis.rangemode = "tozero";
    }
    return made;
  }

  const config = { responsive: true, displaylogo: false, modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]] };

  function draw(place, chart) {
    const range = drawn.has(place) && !chart.x ? place.layout.xaxis.range : null;
    const made = layout(chart, place);
    if (range) made.xaxis.range = range;
    Plotly.react(place, chart.series.map((series) => trace(series, chart)), made, config);
    if (!drawn.has(place) && !chart.x) place.on("plotly_relayout", (change) => follow(place, change));
    drawn.set(place, chart);
  }

  // Zooming in on one chart zooms all that share its clock.
  function follow(place, change) {
    const range = change["xaxis.autorange"] ? [moment(0), moment(data.end_ms)]
      : "xaxis.range[0]" in change ? [change["xaxis.range[0]"], change["xaxis.range[1]"]] : change["xaxis.range"];
    if (isFollowing || !range) return;
    isFollowing = true;
    const others = [...drawn].filter(([other, chart]) => !chart.x && (other !== place || change["xaxis.autorange"]));
    Promise.all(others.map(([other]) => Plotly.relayout(other, { "xaxis.range": range }))).finally(() => { isFollowing = false; });
  }

  function showMarket(index) {
    const market = data.markets[index];
    for (const key of ["prices", "depth"]) {
      const chart = market[key], place = document.querySelector(`[data-chart="${key}"]`);
      document.querySelector(`[data-title="${key}"]`).textContent = chart.title;
      document.querySelector(`[data-told="${key}"]`).textContent = chart.told;
      place.setAttribute("aria-label", `${chart.title}. ${chart.told}`);
      const missing = document.querySelector(`[data-missing="${key}"]`);
      missing.textContent = chart.missing;
      missing.hidden = chart.series.length > 0;
      place.hidden = !missing.hidden;
      if (chart.series.length) draw(place, chart);
    }
  }

  function drawAll() {
    for (const [place, chart] of drawn) draw(place, chart);
  }

  for (const place of document.querySelectorAll("[data-chart]")) {
    const chart = data.charts[place.dataset.chart];
    if (chart) draw(place, chart);
  }
  if (data.markets.length) {
    const choice = document.getElementById("market");
    showMarket(choice.selectedIndex);
    choice.addEventListener("change", () => showMarket(choice.selectedIndex));
  }
  dark.addEventListener("change", drawAll);
  addEventListener("beforeprint", () => { isPrinted = true; drawAll(); });
  addEventListener("afterprint", () => { isPrinted = false; drawAll(); });
})();
