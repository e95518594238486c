"""The report: one file that needs nothing else, says what the tables say, and whose view can be turned and filtered."""

import base64
import json
import re
import shutil
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest

from analysis import report
from analysis.figures import graph, pearson, relaxation, scatter, scores, training
from analysis.liquid import propensity_field as fields
from analysis.page import scene
from simulate.stage.command import InputError
from tests.analysis import figure_inputs

FIGURES = {
    pearson: ["metrics.csv"],
    relaxation: ["relaxation.h5"],
    graph: ["graphs.h5"],
    scatter: ["graphs.h5", "predictions.h5"],
    training: ["history.csv", "--labels", "T = 0.7"],
}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NETWORKS = {(0.7, "bapst2020", 0): (0.81, 0.5), (1.0, "bapst2020", 0): (0.75, 0.4)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small run: its files, the figures of most sections, its report."""
    folder = tmp_path_factory.mktemp("run")
    figure_inputs.write_graphs(folder / "graphs.h5")
    figure_inputs.write_relaxation(folder / "relaxation.h5", 0.7, 4.5)
    figure_inputs.write_metrics(folder / "metrics.csv", {**NETWORKS, (0.7, "energy", 0): (0.4, 0.55)})
    (folder / "history.csv").write_text("step,loss,validation_r\n1,1.0,0.1\n2,0.5,0.3\n")
    (folder / "config.yaml").write_text("temperatures: [0.7] # <first>\n")
    options = []
    for module, arguments in FIGURES.items():
        name = module.__name__.rpartition(".")[2]
        run(module, [*arguments, "--output", f"{name}.svg"], folder)
        options += [f"--{name}", f"{name}.svg"]
    options += ["--graphs", "graphs.h5", "--predictions", "predictions.h5", "--configuration", "config.yaml"]
    sources = ["--sources", "relaxation.h5", "graphs.h5", "predictions.h5"]
    run(report, ["--metrics", "metrics.csv", *options, *sources, "--output", "report.html"], folder)
    return folder


def run(module, arguments, folder):
    """Run a command in `folder`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["command", *arguments])
        module.main()


@pytest.fixture(scope="module")
def page(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


class References(HTMLParser):
    """Collects whatever a page refers to."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found += [
            value for name, value in attributes if name in ("src", "href", "srcset", "data", "action", "poster")
        ]


def test_the_page_refers_to_nothing_outside_itself(page):
    references = References()
    references.feed(page)
    assert len(references.found) > 14
    assert all(value.startswith(("data:", "#")) for value in references.found)
    outside = re.compile(r"@import|url\(|fetch\(|XMLHttpRequest|import\(|WebSocket")
    assert not outside.search(re.sub(r"data:[^\"]*", "", page))


def test_every_section_is_there_in_order_and_in_the_contents(page):
    titles = [unescape(title) for title in re.findall(r"<h2>(.*?)</h2>", page)]
    given = {module.__name__.rpartition(".")[2] for module in FIGURES}
    expected = [title for name, title in report.SECTIONS if name in given]
    assert titles == [*expected, "One configuration, to turn around", "What made it"]
    contents = re.findall(r'<li><a href="#([a-z-]+)">(.*?)</a>', page)
    assert [unescape(title) for _, title in contents] == titles
    assert [name for name, _ in contents] == re.findall(r'<section id="([a-z-]+)">', page)


def test_one_sentence_and_the_scores_open_the_page(page):
    text = unescape(re.search(r'<p class="answer">(.*?)</p>', page, re.DOTALL)[1])
    assert page.index('class="answer"') < page.index("<table") < page.index("<nav") < page.index("<figure")
    assert "At T = 0.7, the graph network" in text
    assert "0.81 at t = 0.15 τ (ceiling 0.90) and 0.50 at t = 2 τ (ceiling 0.80), in 4 configurations" in text
    assert "What was run: T = 0.7, 1; of each, 13 configurations to train on and 4 to test, n = 20 runs" in page


def test_without_a_network_nothing_is_claimed(tmp_path):
    figure_inputs.write_metrics(tmp_path / "metrics.csv", {(0.7, "energy", 0): (0.4, 0.3)})
    assert "No network" in report.sentence(scores.read(tmp_path / "metrics.csv"), "A")


def test_a_table_per_temperature_has_the_ceiling_on_top_and_the_best_in_bold(page):
    tables = re.findall(r"<caption>T = (.*?)</caption>.*?<tbody>(.*?)</tbody>", page, re.DOTALL)
    assert [temperature for temperature, _ in tables] == ["0.7", "1"]
    cold = [re.findall(r"<td.*?>(.*?)</td>", row) for row in tables[0][1].strip().splitlines()]
    assert cold == [
        ["noise ceiling", "0.900", "0.800"],
        ["graph network (positions)", "<b>0.810</b>", "0.500"],
        ["energy", "0.400", "<b>0.550</b>"],
    ]
    assert 'title="± 0.012; all pooled: 0.790; 13 to train on, 4 to test"' in tables[0][1]


def test_it_says_what_made_it(page):
    text = unescape(page)
    assert "temperatures: [0.7] # <first>" in text
    for kind in ("relaxation", "graphs", "predictions"):
        assert f"{kind}: {kind}.h5" in text
    assert f"<dt>numpy</dt><dd>{np.__version__}</dd>" in text


def test_the_view_gets_the_fields_of_the_configuration(folder, page):
    shown = fields.read(folder / "graphs.h5", [folder / "predictions.h5"])
    data = json.loads(re.search(r'id="scene-data">(.*?)</script>', page, re.DOTALL)[1])

    def decoded(name, shape):
        return np.frombuffer(base64.b64decode(data[name]), "<f4").reshape(shape)

    np.testing.assert_allclose(decoded("truth", shown.truth.shape), shown.truth, rtol=1e-6)
    np.testing.assert_allclose(decoded("prediction", shown.truth.shape), shown.prediction, rtol=1e-6)
    # The same points of the periodic box, which is centred on the origin.
    positions = decoded("positions", (-1, 3))
    assert np.abs(positions).max() <= figure_inputs.EDGE / 2 + 1e-6
    apart = (positions + figure_inputs.EDGE / 2 - shown.positions) / figure_inputs.EDGE
    np.testing.assert_allclose(apart, np.rint(apart), atol=1e-6)
    assert data["times"] == shown.time.tolist()
    assert all(low < high for limits in data["limits"].values() for low, high in limits)
    assert len(data["colours"]["error"]) == scene.LEVELS


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--metrics", "nowhere.csv"], r"nowhere\.csv: no such file"),
        (["--metrics", "metrics.csv", "--graph", "absent.svg"], r"absent\.svg: no such file"),
        (["--metrics", "metrics.csv", "--graphs", "graphs.h5"], "expected both or neither"),
        (["--metrics", "metrics.csv", "--sources", "metrics.csv"], r"metrics\.csv: not a readable HDF5 file"),
        (["--metrics", "history.csv"], "no column 'temperature'"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(arguments, words, folder):
    with pytest.raises(InputError, match=words):
        run(report, [*arguments, "--output", "bad.html"], folder)
    assert not list(folder.glob("*bad*"))


# Drives the page as a reader would and leaves what the canvas then showed as the page's only content.
DRIVER = """
<script>
(async () => {
  const root = document.getElementById("scene"), canvas = root.querySelector("canvas");
  // Virtual time runs ahead of real frames, so frames are timers here.
  window.requestAnimationFrame = (act) => setTimeout(act, 5);
  const settled = () => new Promise((done) => setTimeout(done, 50));
  const found = {};
  const look = async (name) => {
    await settled();
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let sum = 0, ink = 0;
    for (let i = 0; i < pixels.length; i += 4) {
      if (pixels[i + 3]) ink++;
      sum = (sum * 31 + pixels[i] + 7 * pixels[i + 1] + 13 * pixels[i + 2]) % 1000000007;
    }
    found[name] = { sum, ink: ink / canvas.width / canvas.height, particles: Number(canvas.dataset.particles),
      text: root.querySelector(".controls").innerText };
  };
  const set = (input, change) => { change(input); input.dispatchEvent(new Event("input", { bubbles: true })); };
  const control = (query) => root.querySelector(query);
  const point = (type, x, y) => canvas.dispatchEvent(new PointerEvent(type,
    { pointerId: 1, clientX: x, clientY: y, bubbles: true }));
  await look("start");
  await look("again");
  for (const colour of ["prediction", "error", "truth"]) {
    set(control(`[value=${colour}]`), (input) => { input.checked = true; });
    await look(colour);
  }
  set(control("[name=time]"), (input) => { input.value = 0; });
  await look("early");
  set(control("[name=slow]"), (input) => { input.value = 90; });
  await look("mobile");
  set(control("[name=b]"), (input) => { input.checked = true; });
  await look("b");
  point("pointerdown", 100, 100);
  point("pointermove", 160, 130);
  point("pointerup", 160, 130);
  await look("turned");
  canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "+", bubbles: true }));
  await look("magnified");
  const requests = performance.getEntriesByType("resource").map((entry) => entry.name);
  found.outside = requests.filter((name) => !name.startsWith("data:"));
  found.width = [document.documentElement.scrollWidth, window.innerWidth];
  return found;
})().catch((error) => String(error)).then((found) => {
  const place = document.createElement("pre");
  place.id = "found";
  place.textContent = JSON.stringify(found);
  document.body.replaceChildren(place);
});
</script>
"""


@pytest.fixture(scope="module", params=[(1100, 900), (500, 900)], ids=["wide", "narrow"])
def seen(request, page, tmp_path_factory):
    """What a headless browser saw on the page while its controls were used."""
    if CHROMIUM is None:
        pytest.skip("no chromium here: the 3D view is not looked at")
    folder = tmp_path_factory.mktemp("browser")
    (folder / "driven.html").write_text(page.replace("</body>", DRIVER + "</body>"), encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    command += ["--window-size={},{}".format(*request.param), "--virtual-time-budget=20000", "--dump-dom"]
    done = subprocess.run(
        [*command, (folder / "driven.html").as_uri()], capture_output=True, text=True, timeout=240, check=False
    )
    result = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert result, done.stderr[-2000:]
    return json.loads(unescape(result[1]))


def test_the_view_is_not_blank_and_every_control_acts(seen):
    assert seen["start"]["ink"] > 0.1
    assert seen["start"]["particles"] == figure_inputs.N_A
    assert seen["again"] == seen["start"]
    assert seen["truth"]["sum"] == seen["start"]["sum"]
    steps = ["start", "prediction", "error", "early", "mobile", "b", "turned", "magnified"]
    assert len({seen[step]["sum"] for step in steps}) == len(steps)
    assert "t = 2.00 τ" in seen["start"]["text"]
    assert "t = 0.150 τ" in seen["early"]["text"]
    assert "predicted \u2212 simulated" in seen["error"]["text"]
    # Of 160 A particles the slowest nine in ten are hidden; then the 40 B particles are shown.
    assert seen["mobile"]["particles"] == 16
    assert seen["b"]["particles"] == 16 + figure_inputs.N_B


def test_the_browser_asks_for_nothing_and_the_page_fits_its_window(seen):
    assert seen["outside"] == []
    assert seen["width"][0] <= seen["width"][1]
