"""What an explanation says of odd places: never that a picture is odd because of places that dull ones have too."""

from labelsieve.project.explaining import Explained
from labelsieve.screening.explain import Part


def said(drop: float, patches: bool = True) -> str:
    places = (Part("the top", drop, f"(5 % from the left) {drop:.2f}", "1 at most"), Part("the left", 0.4, "0.40"))
    return Explained("a", "the head", 1.2, True, places, patches=patches).said[0]


def test_places_below_those_of_dull_pictures_are_no_reason() -> None:
    assert said(1.3).startswith("odd because of: the top (5 % from the left) 1.30 (dull: 1 at most)")
    assert said(0.9).startswith("no place is as odd as the oddest of the dull pictures; its oddest: the top")
    assert said(0.9, patches=False).startswith("odd because of"), "a loss of the score has no such measure"
