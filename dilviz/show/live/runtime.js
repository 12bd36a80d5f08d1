// What every live demo computes with: seeded noise, the trained network, the samplers. Pure functions, plain arrays in
// and out: no page, no clock, no Math.random. Python holds the same numbers; the tests compare the two.

// --- noise by number: the k-th draw of a seed is a function of both, here as in dilviz/diffusion/noise.py -------------

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24];
const TWO_32 = 2 ** 32;

/**
 * Scramble a counter: Threefry-2x32 with 20 rounds (Salmon et al. 2011).
 * @param {number[]} key two whole numbers of 32 bits
 * @param {number[]} counter two whole numbers of 32 bits
 * @returns {[number, number]} two whole numbers of 32 bits, from 0 up
 */
export function threefry([k0, k1], [c0, c1]) {
  const keys = [k0, k1, k0 ^ k1 ^ 0x1bd11bda];
  let [x, y] = [(c0 + k0) | 0, (c1 + k1) | 0];
  for (let i = 0; i < 20; i++) {
    const turn = ROTATIONS[i % 8];
    x = (x + y) | 0;
    y = ((y << turn) | (y >>> (32 - turn))) ^ x;
    if (i % 4 === 3) {
      const n = (i >> 2) + 1;
      x = (x + keys[n % 3]) | 0;
      y = (y + keys[(n + 1) % 3] + n) | 0;
    }
  }
  return [x >>> 0, y >>> 0];
}

/**
 * Draws `first` to `first + count - 1` of a seed's endless list of draws from N(0, 1) (Box and Muller 1958).
 * @param {number} seed 0 to 2**53 - 1
 * @param {number} first 0 or more
 * @param {number} count
 */
export function normals(seed, first, count) {
  const drawn = new Float32Array(count);
  const key = [seed % TWO_32 | 0, Math.floor(seed / TWO_32)];
  for (let pair = Math.floor(first / 2); 2 * pair < first + count; pair++) {
    const [u, v] = threefry(key, [pair % TWO_32 | 0, Math.floor(pair / TWO_32)]);
    const radius = Math.sqrt(-2 * Math.log((u + 1) / TWO_32));
    const angle = (2 * Math.PI * v) / TWO_32;
    const at = 2 * pair - first;
    if (at >= 0) drawn[at] = radius * Math.cos(angle);
    if (at + 1 < count) drawn[at + 1] = radius * Math.sin(angle);
  }
  return drawn;
}

/**
 * A generator, which knows how far it has come, as `CounterGenerator` in Python.
 * @param {number} seed
 */
export const makeGenerator = (seed) => ({ seed, drawn: 0 });

/**
 * Its next draws.
 * @param {{seed: number, drawn: number}} generator
 * @param {number} count
 */
export function draw(generator, count) {
  const numbers = normals(generator.seed, generator.drawn, count);
  generator.drawn += count;
  return numbers;
}

// --- numbers that came as text ----------------------------------------------------------------------------------------

/** @param {string} base64 */
function bytes(base64) {
  const text = atob(base64);
  const read = new Uint8Array(text.length);
  for (let i = 0; i < read.length; i++) read[i] = text.charCodeAt(i);
  return new DataView(read.buffer);
}

/**
 * Numbers of 16 bits, the low byte first.
 * @param {string} base64
 */
export function halves(base64) {
  const view = bytes(base64);
  const numbers = new Float32Array(view.byteLength / 2);
  const bits = new Uint32Array(numbers.buffer);
  for (let i = 0; i < numbers.length; i++) {
    const half = view.getUint16(2 * i, true);
    const [sign, exponent, fraction] = [half >> 15, (half >> 10) & 31, half & 1023];
    if (exponent === 0) numbers[i] = (sign ? -1 : 1) * 2 ** -24 * fraction; // too small to have an exponent
    else bits[i] = (sign << 31) | ((exponent === 31 ? 255 : exponent + 112) << 23) | (fraction << 13);
  }
  return numbers;
}

/**
 * Numbers of 32 bits, the low byte first.
 * @param {string} base64
 */
export function floats(base64) {
  const view = bytes(base64);
  return Float32Array.from({ length: view.byteLength / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

// --- the network ------------------------------------------------------------------------------------------------------

export const TIME_DIM = 32;
const AT_ONCE = 4; // rows that share each weight while it is in a register: the loop below counts on it

/**
 * A layer; its rows are padded to an even number, so that two can be done at a time.
 * @typedef {{inputs: number, outputs: number, weight: Float32Array, bias: Float32Array}} Layer
 */

/** @param {number} n */
const even = (n) => n + (n % 2);

/**
 * Some columns of a matrix as a layer.
 * @param {Float32Array} matrix (outputs, inputs)
 * @param {number} inputs
 * @param {number} from the first column
 * @param {number} to after the last
 * @param {ArrayLike<number>} [bias] (outputs,); 0 where it is not given
 * @returns {Layer}
 */
function makeLayer(matrix, inputs, from, to, bias = []) {
  const outputs = matrix.length / inputs;
  const width = to - from;
  const weight = new Float32Array(even(outputs) * width);
  const layer = { inputs: width, outputs: even(outputs), weight, bias: new Float32Array(even(outputs)) };
  for (let i = 0; i < outputs; i++) layer.weight.set(matrix.subarray(i * inputs + from, i * inputs + to), i * width);
  layer.bias.set(bias);
  return layer;
}

/**
 * output = weight · input + bias (or + what `base` holds), for `rows` rows; rows are padded to a multiple of four.
 * @param {Layer} layer
 * @param {Float32Array} input (rows, stride)
 * @param {number} stride from one row of the input to the next
 * @param {Float32Array} output (rows, layer.outputs)
 * @param {number} rows a multiple of AT_ONCE
 * @param {Float32Array | null} base (rows, layer.outputs)
 */
export function dense({ inputs, outputs, weight, bias }, input, stride, output, rows, base = null) {
  for (let row = 0; row < rows; row += AT_ONCE) {
    const p = row * stride;
    const q = p + stride;
    const r = q + stride;
    const s = r + stride;
    for (let o = 0; o < outputs; o += 2) {
      const to = row * outputs + o;
      let a0 = base ? base[to] : bias[o];
      let b0 = base ? base[to + 1] : bias[o + 1];
      let a1 = base ? base[to + outputs] : a0;
      let b1 = base ? base[to + outputs + 1] : b0;
      let a2 = base ? base[to + 2 * outputs] : a0;
      let b2 = base ? base[to + 2 * outputs + 1] : b0;
      let a3 = base ? base[to + 3 * outputs] : a0;
      let b3 = base ? base[to + 3 * outputs + 1] : b0;
      const v = o * inputs;
      const w = v + inputs;
      for (let i = 0; i < inputs; i++) {
        const wa = weight[v + i];
        const wb = weight[w + i];
        const x0 = input[p + i];
        const x1 = input[q + i];
        const x2 = input[r + i];
        const x3 = input[s + i];
        a0 += wa * x0;
        b0 += wb * x0;
        a1 += wa * x1;
        b1 += wb * x1;
        a2 += wa * x2;
        b2 += wb * x2;
        a3 += wa * x3;
        b3 += wb * x3;
      }
      output[to] = a0;
      output[to + 1] = b0;
      output[to + outputs] = a1;
      output[to + outputs + 1] = b1;
      output[to + 2 * outputs] = a2;
      output[to + 2 * outputs + 1] = b2;
      output[to + 3 * outputs] = a3;
      output[to + 3 * outputs + 1] = b3;
    }
  }
}

/** @param {Float32Array} h made silu(h), in place */
function silu(h) {
  for (let i = 0; i < h.length; i++) h[i] /= 1 + Math.exp(-h[i]);
}

/**
 * Sines and cosines of a time (Vaswani et al. 2017, section 3.5).
 * @param {number} t
 */
export function timeEmbedding(t) {
  const half = TIME_DIM / 2;
  const angles = Array.from({ length: half }, (_, k) => t * 10_000 ** (-k / half));
  return Float32Array.from([...angles.map(Math.sin), ...angles.map(Math.cos)]);
}

/**
 * A trained network as Python packed it. `parts` says what its first layer sees, in order: "x" (the noisy chunk),
 * "time" and "cond" for a denoiser, "cond" alone for a regressor.
 * @typedef {{sizes: number[], weights: string, parts: Record<string, number>}} Packed
 * @typedef {{first: Record<string, Layer>, bias: Float32Array, layers: Layer[], outputs: number}} Network
 * @param {Packed} packed sizes: numbers in, units of each hidden layer, numbers out
 * @returns {Network}
 */
export function makeNetwork({ sizes, weights, parts }) {
  const numbers = halves(weights);
  const wanted = sizes.slice(1).reduce((sum, outputs, k) => sum + outputs * (sizes[k] + 1), 0);
  if (numbers.length !== wanted) throw new RangeError(`${numbers.length} weights where ${wanted} are expected`);
  if (!numbers.every(Number.isFinite)) throw new RangeError("a weight is not finite");
  /** @type {Layer[]} */
  const layers = [];
  /** @type {Record<string, Layer>} */
  const first = {};
  let at = 0;
  for (let k = 1; k < sizes.length; k++) {
    const [inputs, outputs] = [sizes[k - 1], sizes[k]];
    const matrix = numbers.subarray(at, at + inputs * outputs);
    at += inputs * outputs;
    layers.push(makeLayer(matrix, inputs, 0, inputs, numbers.subarray(at, at + outputs)));
    at += outputs;
    if (k > 1) continue;
    let from = 0;
    for (const [part, width] of Object.entries(parts)) {
      first[part] = makeLayer(matrix, inputs, from, from + width);
      from += width;
    }
  }
  return { first, bias: layers[0].bias, layers: layers.slice(1), outputs: sizes[sizes.length - 1] };
}

/** @param {number} rows */
const padded = (rows) => Math.ceil(rows / AT_ONCE) * AT_ONCE;

/**
 * What a part of the input adds to the first layer, for each row.
 * @param {Layer} layer
 * @param {ArrayLike<number>[]} rows each (layer.inputs,)
 * @param {Float32Array | null} bias added to each row
 */
function share(layer, rows, bias = null) {
  const input = new Float32Array(padded(rows.length) * layer.inputs);
  rows.forEach((row, k) => input.set(row, k * layer.inputs));
  const output = new Float32Array(padded(rows.length) * layer.outputs);
  dense(bias ? { ...layer, bias } : layer, input, layer.inputs, output, padded(rows.length));
  return output;
}

/**
 * The rest of the network, from what stands in the first hidden layer.
 * @param {Network} network
 * @param {Float32Array} h (padded rows, width); it is used up
 * @param {number} rows
 * @returns {Float32Array} (rows, outputs)
 */
function finish(network, h, rows) {
  let stride = network.bias.length;
  for (const layer of network.layers) {
    silu(h);
    const next = new Float32Array(padded(rows) * layer.outputs);
    dense(layer, h, stride, next, padded(rows));
    [h, stride] = [next, layer.outputs];
  }
  if (stride === network.outputs) return h.subarray(0, rows * stride);
  const answer = new Float32Array(rows * network.outputs); // an odd number of outputs was padded
  for (let row = 0; row < rows; row++) {
    answer.set(h.subarray(row * stride, row * stride + network.outputs), row * network.outputs);
  }
  return answer;
}

/**
 * A regressor's answer.
 * @param {Network} network
 * @param {ArrayLike<number>[]} conds one a row
 */
export function regress(network, conds) {
  return finish(network, share(network.first.cond, conds, network.bias), conds.length);
}

/**
 * A denoiser for fixed conditions, with all that does not depend on x done ahead; what times add is kept for ever.
 * @param {Network & {times?: Map<number, Float32Array>}} network
 * @param {ArrayLike<number>[]} conds one a row; empty ones where there is no condition
 * @returns {(x: Float32Array, t: number) => Float32Array} from x (rows, horizon · dim) to the same shape
 */
export function denoiser(network, conds) {
  const rows = conds.length;
  const width = network.bias.length;
  network.times ??= new Map();
  const { times } = network;
  const condShare = network.first.cond ? share(network.first.cond, conds) : new Float32Array(padded(rows) * width);
  const { x: onX, time: onTime } = network.first;
  return (x, t) => {
    const timeShare = times.get(t) ?? share(onTime, [timeEmbedding(t)], network.bias).slice(0, width);
    times.set(t, timeShare);
    const input = new Float32Array(padded(rows) * onX.inputs);
    input.set(x);
    const base = condShare.slice();
    for (let i = 0; i < base.length; i++) base[i] += timeShare[i % width];
    const h = new Float32Array(padded(rows) * width);
    dense(onX, input, onX.inputs, h, padded(rows), base);
    return finish(network, h, rows);
  };
}

// --- the samplers: x_s = a x_t + b x_0 + c x_0 of the step before + d z, with a, b, c, d from Python --------------------

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
