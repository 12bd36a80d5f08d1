// The samplers: x_s = a x_t + b x_0 + c x_0 of the step before + d z, with a, b, c, d from Python.

/**
 * @typedef {object} Step one line of a plan
 * @property {number} t the time at which the denoiser is asked
 * @property {number} signal sqrt(alpha_bar) at t
 * @property {number} sigma sqrt(1 - alpha_bar) at t
 * @property {number} xt the coefficient a
 * @property {number} x0 the coefficient b
 * @property {number} before the coefficient c
 * @property {number} noise the coefficient d
 */
const COLUMNS = /** @type {const} */ (["t", "signal", "sigma", "xt", "x0", "before", "noise"]);

/**
 * A plan: the numbers of each step, as Python worked them out.
 * @param {ArrayLike<number>} numbers (steps, 7), row by row
 * @returns {Step[]}
 */
export function makePlan(numbers) {
  const steps = [];
  for (let at = 0; at < numbers.length; at += COLUMNS.length) {
    steps.push(Object.fromEntries(COLUMNS.map((name, k) => [name, numbers[at + k]])));
  }
  return /** @type {Step[]} */ (/** @type {unknown} */ (steps));
}

/**
 * The clean data that an answer of the network means.
 * @param {string} kind "sample", "epsilon" or "v_prediction"
 * @param {ArrayLike<number>} output
 * @param {ArrayLike<number>} x
 * @param {Step} step
 * @param {number} clip
 */
export function toX0(kind, output, x, { signal, sigma }, clip) {
  const x0 = new Float32Array(x.length);
  for (let i = 0; i < x0.length; i++) {
    let value = output[i];
    if (kind === "epsilon") value = (x[i] - sigma * output[i]) / signal;
    if (kind === "v_prediction") value = signal * x[i] - sigma * output[i];
    x0[i] = Math.min(Math.max(value, -clip), clip);
  }
  return x0;
}

/**
 * One step of any sampler.
 * @param {Step} step
 * @param {ArrayLike<number>} x
 * @param {ArrayLike<number>} x0 the present estimate
 * @param {ArrayLike<number>} before the estimate of the step before; any at the first
 * @param {(() => ArrayLike<number>) | null} fresh noise of the shape of x; asked where the step wants some
 */
export function stepTo(step, x, x0, before, fresh) {
  const z = step.noise && fresh ? fresh() : null;
  const next = new Float32Array(x.length);
  for (let i = 0; i < next.length; i++) {
    next[i] = step.xt * x[i] + step.x0 * x0[i];
    if (step.before) next[i] += step.before * before[i];
    if (z) next[i] += step.noise * z[i];
  }
  return next;
}

/**
 * A whole sample, one yield a step: what x has become. `cond` may change between two steps.
 * @param {(x: Float32Array, t: number) => ArrayLike<number>} predict
 * @param {string} kind what it predicts
 * @param {Step[]} plan
 * @param {Float32Array} noise
 * @param {{clip?: number, fresh?: (() => ArrayLike<number>) | null}} options
 */
export function* sampling(predict, kind, plan, noise, { clip = 1, fresh = null } = {}) {
  let [x, x0] = [noise, noise];
  for (const step of plan) {
    const before = x0;
    x0 = toX0(kind, predict(x, step.t), x, step, clip);
    x = stepTo(step, x, x0, before, fresh);
    yield { x, x0 };
  }
}

/**
 * The end of a sample.
 * @param {Parameters<typeof sampling>} parts
 */
export function sample(...parts) {
  let x = parts[3];
  for (const state of sampling(...parts)) x = state.x;
  return x;
}
