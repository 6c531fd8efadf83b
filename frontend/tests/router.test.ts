import { describe, expect, it } from "vitest";
import { ApiError, inWords } from "../src/lib/api";
import { addressOf, pageFor, placeOf, staysHere } from "../src/lib/router";

describe("places", () => {
  it("have no slash at the end; nothing is the first page", () => {
    expect(placeOf("/").path).toBe("/label");
    expect(placeOf("/grid/").path).toBe("/grid");
    expect(placeOf("/grid?task=a%20b&x=1").search.get("task")).toBe("a b");
  });

  it("make addresses without empty parameters", () => {
    expect(addressOf("/grid", { task: "a b", sort: null, view: "", start: 0 })).toBe("/grid?task=a+b&start=0");
    expect(addressOf("/label")).toBe("/label");
  });
});

describe("pages", () => {
  const pages = [{ path: "/grid" }, { path: "/grid/similar" }, { path: "/label" }];
  it("are found by the longest path that fits", () => {
    expect(pageFor(pages, "/grid/similar/4")?.path).toBe("/grid/similar");
    expect(pageFor(pages, "/grid/other")?.path).toBe("/grid");
    expect(pageFor(pages, "/gridlock")).toBeUndefined();
  });
});

describe("clicks on links", () => {
  const link = (href: string, more: object = {}) =>
    ({ href, target: "", hasAttribute: () => false, ...more }) as unknown as HTMLAnchorElement;
  const click = (more: object = {}) => ({ button: 0, defaultPrevented: false, ...more }) as MouseEvent;
  const origin = "http://127.0.0.1:8765";

  it("stay in the app for its own pages alone", () => {
    expect(staysHere(click(), link(`${origin}/grid`), origin)).toBe(true);
    expect(staysHere(click(), link(`${origin}/api/v1/export`), origin)).toBe(false);
    expect(staysHere(click(), link("http://127.0.0.1:9999/grid"), origin)).toBe(false);
    expect(staysHere(click({ ctrlKey: true }), link(`${origin}/grid`), origin)).toBe(false);
    expect(staysHere(click(), link(`${origin}/grid`, { target: "_blank" }), origin)).toBe(false);
    expect(staysHere(click(), link(`${origin}/grid`, { hasAttribute: () => true }), origin)).toBe(false);
  });
});

it("says errors as sentences: the fact, then the hint", () => {
  const error = new ApiError(409, "the source 'a b' is not there.", "put it back, or run labelsieve sync");
  expect(inWords(error)).toBe("The source 'a b' is not there. Put it back, or run labelsieve sync.");
  expect(inWords(new ApiError(409, "all are answered", "labelsieve certify PROJECT"))).toBe("All are answered. labelsieve certify PROJECT.");
  expect(inWords(new ApiError(422, "img_1.png is no picture"))).toBe("img_1.png is no picture.");
});
