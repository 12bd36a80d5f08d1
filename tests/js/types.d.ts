// What the modules in dilviz/show share, known in each of them without an import. How they are typed (JSDoc, by tsc;
// `python tests/js/check.py lint types units` runs what `make lint` and `make test` run):
// - `tsc` is strict, but a parameter without a type is `any`: inner functions need no annotation unless tsc asks.
// - The parameters of every export and of `render` are typed, and a test holds that:
//     /** One line that says what it does. @param {Point[]} points @param {number} tolerance @returns {Point[]} */
// - `render` is not exported by name, and takes a View: /** @param {View} view */ function render({ model, el }) {…}
//   `View<{ t: number }>` types what the model holds: then get("t") is a number and get("tt") an error.
// - A shape that several functions take is a typedef at the head: /** @typedef {{ x: number, y: number }} Disc */
//   Another module takes it by /** @import { Disc } from "./runtime.js" */ (a comment: nothing is loaded).
// - What begins empty: /** @type {Point[]} */ const trail = [];   /** @type {Stroke | null} */ let stroke = null;
// - A cast, where tsc cannot know: const box = /** @type {HTMLInputElement} */ (root.querySelector("input"));
// - The library is that of ES2023: what is newer (Float16Array, …) is missing in browsers that readers have.

/** x and y, or pixels right and down. */
type Point = [number, number];

/** The traits of a widget: anywidget's in JupyterLab, one of our own in a page. */
interface Model<State = Record<string, any>> {
  get<K extends keyof State>(name: K): State[K];
  set<K extends keyof State>(name: K, value: State[K]): void;
  save_changes(): void;
  on(event: string, callback: (...details: any[]) => void): void;
  off(event?: string | null, callback?: ((...details: any[]) => void) | null): void;
  send(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[] | ArrayBufferView[]): void;
  /** Of JupyterLab only: finds another widget's model. */
  widget_manager: { get_model(id: string): Promise<Model> };
}

/** What a module's `render` is handed: the model, and the element that it fills. It returns how to clean up. */
interface View<State = Record<string, any>> {
  model: Model<State>;
  el: HTMLElement;
}
