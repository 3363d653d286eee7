// Reads posts at one arrival rate after another, each a fifth of the highest more. The summary has
// percentiles of each step by itself: the first step whose threshold is crossed, or that drops
// iterations, is more than the stack (or this client) can take.
//
//   RATE_MAX=2000 a second, STEP=10s; and those of stack.js

import { arrivals, number, p99, prepare, readAny, trendStats } from './stack.js';

const STEPS = 5;
const rateMax = number('RATE_MAX', 2000);
const stepSecs = seconds(__ENV.STEP || '10s');

const scenarios = {};
const thresholds = { checks: ['rate>0.999'] };
for (let step = 1; step <= STEPS; step += 1) {
  const rate = Math.ceil((rateMax * step) / STEPS);
  const name = `at_${rate}`;
  const startTime = `${(step - 1) * stepSecs}s`;
  // Clients of a step that has ended must not answer for the next one.
  scenarios[name] = arrivals(rate, `${stepSecs}s`, { startTime, gracefulStop: '1s' });
  thresholds[`http_req_duration{scenario:${name}}`] = [p99];
  thresholds[`dropped_iterations{scenario:${name}}`] = ['count<1'];
}

export const options = { scenarios, thresholds, summaryTrendStats: trendStats };

export const setup = prepare;

export default function ({ ids }) {
  readAny(ids);
}

function seconds(text) {
  const [whole, count, unit] = /^(\d+)(s|m)$/.exec(text) || [];
  if (!whole) {
    throw new Error('STEP is not a duration such as 10s or 2m');
  }
  return Number(count) * (unit === 'm' ? 60 : 1);
}
