/** The page's one clock: milliseconds since the page began, each quarter of a second anew. Nobody can set it. */
class Clock {
  now = $state(performance.now());
  constructor() {
    setInterval(() => (this.now = performance.now()), 250);
  }
}

export const clock = new Clock();
