// The trained network: plain arrays in and out, the same answers as torch's to the last digits that matter.

import { halves } from "./numbers.js";

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
