// Reads and writes at constant rates for long, the same in a first and a second half: what grows
// slower with time (memory, tables, connections that leak) shows as a second half that is slower.
//
//   RATE=200 reads and WRITE_RATE=20 writes a second, MINUTES=10; and those of stack.js

import { check } from 'k6';

import { any, arrivals, number, p99, prepare, readAny, trendStats, write } from './stack.js';

const minutes = number('MINUTES', 10);
const rate = number('RATE', 200);
const half = `${Math.ceil(minutes * 30)}s`;

export const options = {
  scenarios: {
    first_half: arrivals(rate, half),
    second_half: arrivals(rate, half, { startTime: half }),
    writes: arrivals(number('WRITE_RATE', 20), `${Math.ceil(minutes * 60)}s`, { exec: 'change' }),
  },
  thresholds: {
    'http_req_failed{name:read}': ['rate<0.001'],
    'http_req_failed{name:write}': ['rate<0.001'],
    'http_req_duration{scenario:first_half}': [p99],
    'http_req_duration{scenario:second_half}': [p99],
    // Writes wait for a disk; this is no more than a sign that they flow.
    'http_req_duration{name:write}': ['p(99)<1000'],
    checks: ['rate>0.999'],
    dropped_iterations: ['count<1'],
  },
  summaryTrendStats: trendStats,
};

export const setup = prepare;

export default function ({ ids }) {
  readAny(ids);
}

export function change({ ids }) {
  const answer = write(any(ids), `Printed at ${Date.now()}. `.repeat(14), 'write');
  check(answer, { 'the write is acknowledged': ({ status }) => status === 200 || status === 201 });
}
