"""Feature maps of a project, as they are called: embed --maps, screens with them, and templates."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from PIL import Image
from toy_models import conv_folder

from labelsieve.core.errors import EngineError, InputError
from labelsieve.project.facade import open as open_project
from labelsieve.project.pictures import mapping
from labelsieve.project.pictures.mapped import map_pool

SPOT = (40, 8)  # from the left, from the top
ODD = range(3, 40, 9)


def part(rng: np.random.Generator, spot: bool, shift: int = 0) -> Image.Image:
    """Light stripes on a dark ground, with a white spot where it is odd."""
    pixels = rng.integers(40, 50, (64, 64, 3), dtype=np.uint8)
    pixels[:, 16 + shift : 24 + shift] = 150
    image = Image.fromarray(pixels)
    if spot:
        image.paste((255, 255, 255), (*SPOT, SPOT[0] + 8, SPOT[1] + 8))
    return image


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 pictures of parts, five of them with a spot, embedded and mapped; every third is labelled."""
    place = tmp_path_factory.mktemp("maps")
    rng = np.random.default_rng(0)
    (place / "parts").mkdir()
    for i in range(40):
        part(rng, i in ODD).save(place / "parts" / f"p{i:02}.png")
    conv_folder(place / "model")
    run(place, "init", "p.sieve", "parts", "--task", "screen")
    run(place, "embed", "p.sieve")
    run(place, "embed", "p.sieve", "--maps", "model", "--map-size", "64")
    rows = ["key,label", *(f"p{i:02}.png,dull" for i in range(40) if i not in ODD and i % 2)]
    (place / "labels.csv").write_text("\n".join(rows) + "\n")
    run(place, "import", "p.sieve", "labels.csv", "--by", "ann")
    return place


def test_maps_are_kept_beside_the_embeddings_and_go_on_where_they_stopped(made: Path, tmp_path: Path) -> None:
    place = tmp_path / "copy"
    shutil.copytree(made, place)
    again = json.loads(run(place, "embed", "p.sieve", "--maps", "model", "--map-size", "64", "--json").stdout)
    assert (again["done"], again["there"]) == (0, 40)
    with open_project(place / "p.sieve") as project:
        settings = project.context.settings
        pool = map_pool(project.context)
        assert pool is not None and pool.grid == (8, 8, 4) and len(pool.ids) == 40 and pool.dim == 256
    assert settings.maps == "../model" and settings.map_size == 64 and settings.map_embeddings != settings.embeddings
    part(np.random.default_rng(9), False).save(place / "parts" / "p99.png")
    shutil.rmtree(place / "p.sieve" / "cache" / "patches", ignore_errors=True)
    run(place, "sync", "p.sieve")
    with open_project(place / "p.sieve") as project:
        pool = map_pool(project.context)  # what is new is mapped when it is needed
        assert pool is not None and len(pool.ids) == 41
    shutil.rmtree(place / "p.sieve" / "cache")
    with open_project(place / "p.sieve") as project:
        pool = map_pool(project.context)
        assert pool is not None and len(pool.ids) == 41


def test_a_search_asks_for_pictures_with_a_place_that_no_dull_one_has(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "copy")
    with open_project(tmp_path / "copy" / "p.sieve") as project:
        asked = project.next(10)
    listed = [item.key for item, arms in zip(asked.items, asked.query.arms, strict=True) if "patches" in arms]
    assert {f"p{i:02}.png" for i in ODD} & set(listed)


def test_scores_and_heat_say_which_and_where(made: Path, tmp_path: Path) -> None:
    with open_project(made / "p.sieve") as project:
        context = project.context
        ids = context.ids_of([f"p{i:02}.png" for i in range(40)])
        score = mapping.patch_scores(context, ids)
        heat = mapping.heat_map(context, int(ids[12]))
        new = mapping.heat_map(context, part(np.random.default_rng(5), True))
        one = mapping.finder(context)
        assert one is not None and one.bank is not None
        outside = one.scores_of([part(np.random.default_rng(5), True), part(np.random.default_rng(6), False)])
        again = mapping.patch_scores(context, ids)
    assert score is not None and heat is not None and new is not None and outside is not None
    assert again is not None and np.array_equal(score, again)  # from the bank that was kept
    odd = np.isin(np.arange(40), ODD)
    assert score[odd].min() > 3 * score[~odd].max() and 0.2 < np.median(score[~odd]) <= 1
    for found in (heat, new):
        assert divmod(int(found.argmax()), 8) == (SPOT[1] // 8, SPOT[0] // 8)
    assert outside[0] > 3 > outside[1]
    path = mapping.save_heat(part(np.random.default_rng(5), True), new, tmp_path / "deep" / "heat.png")
    with Image.open(path) as drawn:
        pixels = np.asarray(drawn.convert("RGB"), float)
    scale = pixels.shape[1] / 64
    middle = pixels[round((SPOT[1] + 4) * scale), round((SPOT[0] + 4) * scale)]
    assert middle[0] - middle[1] > 50 and np.ptp(pixels[round(50 * scale), round(50 * scale)]) < 3  # red, and grey


def test_explain_draws_the_place(made: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "where")
    told = json.loads(run(made, "explain", "p.sieve", "p12.png", "--out", out, "--json").stdout)[0]
    assert told["patches"] and told["parts"][0]["name"] == "the top right" and Path(told["picture"]).is_file()
    assert "1 is as odd as the oddest place" in run(made, "explain", "p.sieve", "p12.png").stderr


def test_templates_are_pictures_beside_the_table_or_items(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = [["file", "good"]]
    for i in range(12):
        shift = 3 * i  # every part has a drawing of its own: no other one vouches for it
        part(rng, i == 5, shift).save(tmp_path / f"t{i:02}.png")
        part(rng, False, shift).save(tmp_path / f"g{i:02}.png")
        rows.append([f"t{i:02}.png", "t00.png" if i == 0 else "" if i == 11 else f"g{i:02}.png"])
    rows += [["g05.png", ""]]
    with (tmp_path / "parts.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    conv_folder(tmp_path / "model")
    run(tmp_path, "init", "p.sieve", "parts.csv", "--image", "file", "--key", "file", "--task", "screen")
    toml = tmp_path / "p.sieve" / "labelsieve.toml"
    toml.write_text(toml.read_text().replace('kind = "screen"', 'kind = "screen"\ntemplate = "good"'))
    run(tmp_path, "embed", "p.sieve")
    run(tmp_path, "embed", "p.sieve", "--maps", "model", "--map-size", "64")
    with open_project(tmp_path / "p.sieve") as project:
        ids = project.context.ids_of([f"t{i:02}.png" for i in range(12)])
        score = mapping.patch_scores(project.context, ids)
        heat = mapping.heat_map(project.context, int(ids[5]))
        assert score is not None and heat is not None
        assert np.isnan(score[[0, 11]]).all()  # itself, and none: and nothing is known to be dull
        assert score[5] > 3 * np.nanmax(np.delete(score, 5))
        assert divmod(int(heat.argmax()), 8) == (SPOT[1] // 8, SPOT[0] // 8)
    told = {
        one["key"]: one
        for one in json.loads(run(tmp_path, "explain", "p.sieve", "t05.png", "t04.png", "--json").stdout)
    }
    assert told["t05.png"]["parts"][0]["usual"] == "about 1, against its template"
    assert "dull pictures" not in " ".join((*told["t05.png"]["said"], *told["t04.png"]["said"]))
    (tmp_path / "parts.csv").write_text((tmp_path / "parts.csv").read_text().replace("g07.png", "lost.png"))
    run(tmp_path, "sync", "p.sieve")
    with open_project(tmp_path / "p.sieve") as project, pytest.raises(InputError, match=r"'t07.png' is 'lost.png'"):
        mapping.patch_scores(project.context, ids)


def test_templates_start_where_the_paths_of_pictures_start(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for folder in ("lists", "photos"):
        (tmp_path / folder).mkdir()
    rows = [["file", "good"]]
    for i in range(3):
        part(rng, i == 1, 3 * i).save(tmp_path / "photos" / f"t{i}.png")
        part(rng, False, 3 * i).save(tmp_path / ("lists" if i == 2 else "photos") / f"g{i}.png")
        rows.append([f"t{i}.png", f"g{i}.png"])
    with (tmp_path / "lists" / "parts.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    conv_folder(tmp_path / "model")
    given = ("lists/parts.csv", "--image", "file", "--root", "photos", "--key", "file")
    run(tmp_path, "init", "p.sieve", *given, "--task", "screen")
    toml = tmp_path / "p.sieve" / "labelsieve.toml"
    toml.write_text(toml.read_text().replace('kind = "screen"', 'kind = "screen"\ntemplate = "good"'))
    run(tmp_path, "embed", "p.sieve")
    run(tmp_path, "embed", "p.sieve", "--maps", "model", "--map-size", "64")
    with open_project(tmp_path / "p.sieve") as project:
        score = mapping.patch_scores(project.context, project.context.ids_of(["t0.png", "t1.png", "t2.png"]))
    assert score is not None and int(score.argmax()) == 1 and np.isfinite(score).all()


def test_without_maps_without_dull_and_for_other_tasks_there_is_nothing_to_say(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "parts", tmp_path / "parts")
    run(tmp_path, "init", "p.sieve", "parts", "--task", "screen")
    run(tmp_path, "embed", "p.sieve")
    conv_folder(tmp_path / "model")
    with open_project(tmp_path / "p.sieve") as project:
        assert mapping.patch_scores(project.context, np.array([1])) is None
        assert mapping.heat_map(project.context, 1) is None
        with pytest.raises(EngineError, match="has no feature maps"):
            project.embed(maps="")
        project.embed(maps=str(tmp_path / "model"), map_size=64)
        assert mapping.patch_scores(project.context, np.array([1])) is None  # nothing is known to be dull
        classes = project.add_task("kinds")
        assert mapping.finder(classes.context) is None


def test_what_does_not_go_together_is_said(made: Path) -> None:
    assert "--maps goes alone" in run(made, "embed", "p.sieve", "--maps", "model", "--relearn", code=2).stderr
    assert "gives no feature maps" in run(made, "embed", "p.sieve", "--maps", "patches", code=1).stderr
