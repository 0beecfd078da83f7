#!/usr/bin/env node
import { createProgram } from './create-program.js';

// A reader that went away (`srcode … | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});
await createProgram().parseAsync();
