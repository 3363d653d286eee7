// A thundering start: all clients come in the same moment, each over a connection of its own, as
// after a deployment or an outage of theirs. Each reads, and asks again for the post it now has.
//
//   CLIENTS=200, READS=20 by each; and those of stack.js, with P99_MS=1000

import { check } from 'k6';

import { any, number, prepare, read, trendStats } from './stack.js';

export const options = {
  scenarios: {
    start: {
      executor: 'per-vu-iterations',
      vus: number('CLIENTS', 200),
      iterations: number('READS', 20),
      maxDuration: '2m',
    },
  },
  thresholds: {
    'http_req_failed{name:read}': ['rate<0.001'],
    'http_req_failed{name:again}': ['rate<0.001'],
    // A herd queues: this bounds how long, and is not what one client waits on a quiet day.
    'http_req_duration{name:read}': [`p(99)<${number('P99_MS', 1000)}`],
    // The time until a connection stands; 0 for requests that reuse one.
    'http_req_connecting{name:read}': ['p(99)<1000'],
    checks: ['rate>0.999'],
  },
  // A new connection for each iteration.
  noVUConnectionReuse: true,
  summaryTrendStats: trendStats,
};

export const setup = prepare;

export default function ({ ids }) {
  const id = any(ids);
  const first = read(id, {}, 'read');
  check(first, { 'is 200': ({ status }) => status === 200 });
  const again = read(id, { 'If-None-Match': first.headers.Etag || '""' }, 'again');
  check(again, { 'asked again, is 304': ({ status }) => status === 304 });
}
