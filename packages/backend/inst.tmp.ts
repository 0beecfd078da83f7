import { installTensorflow } from '@srcode/backend';
import { drainJob } from '@srcode/core';

const cuda = process.argv.includes('--cuda');
const r = await drainJob(installTensorflow({ cuda }), (e) => console.log(JSON.stringify(e)));
console.log(r);
