// Reads posts at a constant arrival rate: an open loop, which does not slow down with the server,
// so its percentiles are what users would wait. Run it from another machine than the readers':
//
//   k6 run -e BASE_URL=http://127.0.0.1:9080 -e RATE=2000 -e DURATION=1m loadtest/k6/read.js
//
// IDS names the posts to read, between commas; without it, setup writes 100 of its own through
// WRITER_URL.

import http from 'k6/http';
import { check, fail, sleep } from 'k6';

const baseUrl = __ENV.BASE_URL || 'http://127.0.0.1:8081';
const writerUrl = __ENV.WRITER_URL || 'http://127.0.0.1:8080';
const rate = Number(__ENV.RATE || 500);
const POSTS = 100;
const READABLE_WITHIN_SECS = 30;

export const options = {
  scenarios: {
    read: {
      executor: 'constant-arrival-rate',
      rate,
      timeUnit: '1s',
      duration: __ENV.DURATION || '30s',
      // Enough for answers that take 100 ms each; more are started where they take longer.
      preAllocatedVUs: Math.ceil(rate / 10),
      maxVUs: rate,
    },
  },
  // Only the reads count, not what setup does.
  thresholds: {
    'http_req_failed{name:read}': ['rate<0.001'],
    'http_req_duration{name:read}': ['p(99)<5'],
    checks: ['rate>0.999'],
    // Requests that k6 could not start in time: the rate was not reached, so the rest says little.
    dropped_iterations: ['count<1'],
  },
  summaryTrendStats: ['med', 'p(90)', 'p(99)', 'p(99.9)', 'max'],
};

export function setup() {
  const ids = __ENV.IDS ? __ENV.IDS.split(',') : write();
  const last = ids[ids.length - 1];
  for (let waited = 0; http.get(url(last)).status !== 200; waited += 1) {
    if (waited === READABLE_WITHIN_SECS) {
      fail(`${url(last)} is not there`);
    }
    sleep(1);
  }
  return { ids };
}

function write() {
  const ids = [];
  for (let number = 0; number < POSTS; number += 1) {
    const id = `k6-${number}`;
    const post = { id, title: `Post ${number}`, content: 'Printed once. '.repeat(22), author: 'k6' };
    const answer = http.post(`${writerUrl}/create`, JSON.stringify(post), {
      headers: { 'Content-Type': 'application/json' },
    });
    // 201 in the first run, 200 in those after it.
    if (answer.status !== 201 && answer.status !== 200) {
      fail(`the writer answered ${answer.status}: ${answer.body}`);
    }
    ids.push(id);
  }
  return ids;
}

function url(id) {
  return `${baseUrl}/post?id=${encodeURIComponent(id)}`;
}

export default function ({ ids }) {
  const id = ids[Math.floor(Math.random() * ids.length)];
  // One name for all targets: a time series for each would cost more than the requests.
  const answer = http.get(url(id), { tags: { name: 'read' } });
  check(answer, {
    'is 200': ({ status }) => status === 200,
    'has an ETag': ({ headers }) => Boolean(headers.Etag),
  });
}
