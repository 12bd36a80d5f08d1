// Labels that keep clear of each other and of what they name. Pure: pixels in and out.

/** @typedef {{ left: number, right: number, top: number, low: number }} Area */
/** @typedef {{ dx: number, dy: number, away: number, price: number }} Spot */
/** @typedef {{ x: number, y: number, radius: number, width: number, height: number }} Labelled a mark, and its label's size */
/** @typedef {Area & { spot: Spot, cost: number }} Placed */

// Where a label may stand: direction from its mark, how many label heights away, and what that costs.
const SIDES = [[1, 0], [-1, 0], [1, -1], [-1, -1], [0, -1], [1, 1], [-1, 1]];
const SPOTS = [0, 1, 2, 3].flatMap((away) => SIDES.map(([dx, dy], k) => ({ dx, dy, away, price: 20 * away + 4 * k })));

/** @param {number} x @param {number} y @param {number} width @param {number} height @returns {Area} */
export function boxAround(x, y, width, height) {
  return { left: x - width / 2, right: x + width / 2, top: y - height / 2, low: y + height / 2 };
}

/** The area that a box shares with others. @param {Area} box @param {Area[]} others */
function covered(box, others) {
  let sum = 0;
  for (const other of others) {
    const wide = Math.min(box.right, other.right) - Math.max(box.left, other.left);
    const high = Math.min(box.low, other.low) - Math.max(box.top, other.top);
    if (wide > 0 && high > 0) sum += wide * high;
  }
  return sum;
}

/**
 * A box for each label, beside its mark, clear of all marks and other labels, and of the boxes in `avoid` where that
 * costs little; `before` is what the last call gave: a label moves for good reason. A label of no width has no box.
 * @param {Labelled[]} marks
 * @param {Area} page
 * @param {Area[]} [avoid]
 * @param {Placed[]} [before]
 */
export function placeLabels(marks, page, avoid = [], before = []) {
  const middle = marks.reduce((sum, { x }) => sum + x / marks.length, 0);
  const taken = marks.map(({ x, y, radius }) => boxAround(x, y, 2 * radius, 2 * radius));
  const offMiddle = (/** @type {number} */ k) => Math.abs(marks[k].x - middle);
  /** @type {Placed[]} */ const placed = [];
  for (const k of [...marks.keys()].sort((a, b) => offMiddle(b) - offMiddle(a))) {
    const { x, y, radius, width, height } = marks[k];
    if (!width) continue;
    const offers = SPOTS.map((spot) => {
      const reach = radius + 3 + spot.away * height;
      const box = boxAround(x + spot.dx * (reach + width / 2), y + spot.dy * (reach + height / 2), width, height);
      const lost = width * height - covered(box, [page]) + covered(box, taken);
      const crossing = spot.dx * Math.min(Math.max(middle - x, -30), 30); // there its line would meet the others'
      const behind = placed.some((other) => other?.spot.dx === spot.dx && other.spot.dy === spot.dy);
      const [hides, stays] = [3 * lost + 0.07 * covered(box, avoid), before[k]?.spot === spot];
      return { ...box, spot, cost: hides + crossing + 40 * Number(behind) + spot.price - 30 * Number(stays) };
    });
    placed[k] = offers.reduce((best, offer) => (offer.cost < best.cost ? offer : best));
    taken.push(placed[k]);
  }
  return placed;
}
