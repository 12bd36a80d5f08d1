// Numbers: seeded noise, and weights that came as text. Pure: no page, no clock, no Math.random.

export const clamp = (/** @type {number} */ value, /** @type {number} */ low, /** @type {number} */ high) =>
  Math.min(Math.max(value, low), high);

/**
 * How far things are dragged that are to stay in view.
 * @param {ArrayLike<number>} home x, y, x, y, … where they lie by themselves
 * @param {number[]} shift likewise, how far each is dragged; of more than there are, the rest is 0
 * @param {number} room how far from the middle they may go
 */
export const kept = (home, shift, room) =>
  shift.map((value, i) => (i < home.length ? clamp(value, -room - home[i], room - home[i]) : 0));

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
 * The first draws of a seed from the numbers between 0 and 1, as `uniforms` in Python.
 * @param {number} seed 0 to 2**53 - 1
 * @param {number} count
 */
export function uniforms(seed, count) {
  const key = [seed % TWO_32 | 0, Math.floor(seed / TWO_32)];
  return Array.from({ length: count }, (_, k) => (threefry(key, [k, 0])[0] + 0.5) / TWO_32);
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
