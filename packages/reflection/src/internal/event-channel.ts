/** A queue between concurrent workers that push events and one generator that yields them. */
export class EventChannel<E> {
  #events: E[] = [];
  #wake: (() => void) | null = null;
  #closed = false;

  push(event: E): void {
    this.#events.push(event);
    this.#wake?.();
  }

  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  async *drain(): AsyncGenerator<E, void> {
    for (;;) {
      const batch = this.#events;
      this.#events = [];
      yield* batch;
      if (this.#events.length > 0) continue;
      if (this.#closed) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
  }
}
