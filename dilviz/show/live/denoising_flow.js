// Where particles go that denoise over a mixture that is known: pure functions, arrays in and out.
// The mixture's best denoiser is that of dilviz/diffusion/denoisers.py, and held to it.

import { clamp, draw, floats, makeGenerator, normals } from "./numbers.js";
import { makePlan, sampling } from "./samplers.js";

/** @typedef {{means: Point[], weights: number[], std: number}} Mixture Gaussian heaps, all as wide as each other */
/** @typedef {import("./samplers.js").Step} Step */
/** @typedef {{on: number, spread: number, shares: number[]}} Figures */

// --- the mixture ------------------------------------------------------------------------------------------------------

/**
 * A mixture whose first heap was dragged away.
 * @param {Mixture} mixture
 * @param {Point} shift
 * @returns {Mixture}
 */
export function shifted({ means: [[x, y], ...others], weights, std }, shift) {
  return { means: [[x + shift[0], y + shift[1]], ...others], weights, std };
}

/**
 * For each noisy place the mean of the heap that it came from, expected by Bayes' rule.
 * @param {Mixture} mixture
 * @param {ArrayLike<number>} x places x, y, x, y, …
 * @param {number} signal sqrt(alpha_bar)
 * @param {number} spread variance of the noisy data in each heap
 */
function originsOf({ means, weights }, x, signal, spread) {
  const origins = new Float64Array(x.length);
  const logs = new Float64Array(means.length);
  for (let i = 0; i < x.length; i += 2) {
    let most = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < means.length; k++) {
      const [dx, dy] = [x[i] - signal * means[k][0], x[i + 1] - signal * means[k][1]];
      logs[k] = Math.log(weights[k]) - (dx * dx + dy * dy) / (2 * spread);
      most = Math.max(most, logs[k]);
    }
    let total = 0;
    for (let k = 0; k < means.length; k++) {
      const share = Math.exp(logs[k] - most);
      total += share;
      origins[i] += share * means[k][0];
      origins[i + 1] += share * means[k][1];
    }
    origins[i] /= total;
    origins[i + 1] /= total;
  }
  return origins;
}

/**
 * The best denoiser there is: E[x_0 | x_t].
 * @param {Mixture} mixture
 * @param {ArrayLike<number>} x places x, y, x, y, …
 * @param {number} signal sqrt(alpha_bar)
 * @param {number} sigma sqrt(1 - alpha_bar)
 * @returns {Float32Array} likewise
 */
export function exactX0(mixture, x, signal, sigma) {
  const variance = mixture.std ** 2;
  const spread = signal ** 2 * variance + sigma ** 2;
  const origins = originsOf(mixture, x, signal, spread);
  return Float32Array.from(x, (value, i) => (sigma ** 2 * origins[i] + signal * variance * value) / spread);
}

/**
 * The gradient of the noisy data's log density: (sqrt(alpha_bar) E[x_0 | x_t] - x_t) / (1 - alpha_bar), and its limit
 * where there is no noise.
 * @param {Mixture} mixture
 * @param {ArrayLike<number>} x places x, y, x, y, …
 * @param {number} signal sqrt(alpha_bar)
 * @param {number} sigma sqrt(1 - alpha_bar)
 * @returns {Float32Array} likewise
 */
export function exactScore(mixture, x, signal, sigma) {
  const spread = signal ** 2 * mixture.std ** 2 + sigma ** 2;
  const origins = originsOf(mixture, x, signal, spread);
  return Float32Array.from(x, (value, i) => (signal * origins[i] - value) / spread);
}

/**
 * True data: each heap has its share of the draws, exactly.
 * @param {Mixture} mixture
 * @param {number} count
 * @returns {Float32Array} places x, y, x, y, …
 */
export function drawData({ means, weights, std }, count) {
  const places = normals(0, 0, 2 * count);
  let [heap, reached] = [0, weights[0]];
  for (let i = 0; i < count; i++) {
    while (heap < means.length - 1 && (i + 0.5) / count > reached) reached += weights[++heap];
    for (const axis of [0, 1]) places[2 * i + axis] = means[heap][axis] + std * places[2 * i + axis];
  }
  return places;
}

/**
 * How many places are on the data (within 3 std of a mean), how far those are from the nearest mean (root mean square,
 * in std), and which share of them each heap has.
 * @param {ArrayLike<number>} places x, y, x, y, …
 * @param {Mixture} mixture
 * @returns {Figures}
 */
export function measure(places, { means, std }) {
  const counts = means.map(() => 0);
  let [on, squares] = [0, 0];
  for (let i = 0; i < places.length; i += 2) {
    let [least, heap] = [9 * std ** 2, -1];
    for (let k = 0; k < means.length; k++) {
      const far = (places[i] - means[k][0]) ** 2 + (places[i + 1] - means[k][1]) ** 2;
      if (far < least) [least, heap] = [far, k];
    }
    if (heap < 0) continue;
    on++;
    squares += least / std ** 2;
    counts[heap]++;
  }
  return { on, spread: Math.sqrt(squares / on), shares: counts.map((count) => count / on) };
}

// --- the flow ---------------------------------------------------------------------------------------------------------

/**
 * Fresh noise, a generator a particle: no particle depends on how many there are.
 * @param {number} first seed
 * @param {number} count of particles
 * @returns {() => Float32Array} the next draws, x, y, x, y, …
 */
export function makeNoise(first, count) {
  const generators = Array.from({ length: count }, (_, k) => makeGenerator(first + k));
  return () => {
    const places = new Float32Array(2 * count);
    generators.forEach((generator, k) => places.set(draw(generator, 2), 2 * k));
    return places;
  };
}

/**
 * Particles on their way from noise to data; a step is worked out when it is asked for.
 * @param {Mixture} mixture
 * @param {Step[]} plan
 * @param {() => Float32Array} fresh noise, the start first
 */
export function makeFlow(mixture, plan, fresh) {
  const xs = [fresh()];
  const { predict, kind, options } = exactly(mixture, plan, fresh);
  const states = sampling(predict, kind, plan, xs[0], options);
  return {
    /** Where they are after each step so far, the start first. */
    xs,
    plan,
    /** One step more. */
    extend() {
      const { value } = states.next();
      if (value) xs.push(value.x);
    },
  };
}
/** @typedef {ReturnType<typeof makeFlow>} Flow */

/** What a sampler is told. @param {Mixture} mixture @param {Step[]} plan @param {() => Float32Array} fresh */
function exactly(mixture, plan, fresh) {
  const levels = new Map(plan.map((step) => [step.t, step]));
  const predict = (/** @type {Float32Array} */ x, /** @type {number} */ t) => {
    const { signal, sigma } = /** @type {Step} */ (levels.get(t));
    return exactX0(mixture, x, signal, sigma);
  };
  return { predict, kind: "sample", options: { clip: Number.POSITIVE_INFINITY, fresh } };
}

/**
 * Where particles are at a moment; between two steps they go straight on.
 * @param {Float32Array[]} xs after each step
 * @param {number} at 0 is the start, 1 is after a step
 * @returns {Float32Array}
 */
export function placesAt(xs, at) {
  const from = Math.floor(clamp(at, 0, xs.length - 1));
  const [here, next] = [xs[from], xs[Math.min(from + 1, xs.length - 1)]];
  const part = at - from;
  return part > 0 ? here.map((value, i) => value + part * (next[i] - value)) : here;
}

/**
 * Which plan a choice takes.
 * @param {{texts: string[], index: Record<string, number>}} plans
 * @param {string} sampler
 * @param {number} steps
 * @param {string} spacing
 * @param {number} eta of ddim
 * @returns {Step[]}
 */
export function planOf({ texts, index }, sampler, steps, spacing, eta) {
  const name = `${sampler} ${steps} ${spacing}`;
  return makePlan(floats(texts[index[sampler === "ddim" ? `${name} ${eta}` : name]]));
}
