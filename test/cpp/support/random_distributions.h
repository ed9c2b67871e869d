// Random pairs of distributions (p, q), with the cases on which acceptance mathematics breaks: zero masses, one-hot rows,
// equal rows, disjoint supports, nearly equal rows.
#pragma once
#include <random>
#include <vector>

#include "reference_distribution.h"

namespace random_distributions {

struct Case {
  reference::Row p, q;
  double eta = 0, plausibility = 0;
};

inline reference::Row row(std::mt19937_64& random, size_t size) {
  std::normal_distribution<double> normal;
  reference::Row out(size);
  const double spread = double(random() % 5);
  for (double& x : out) x = random() % 4 ? std::exp(spread * normal(random)) : 0;
  out[random() % size] += 0.5;
  reference::normalize(out);
  return out;
}

inline Case next(std::mt19937_64& random) {
  const size_t size = 2 + random() % 11;
  Case c{row(random, size), row(random, size)};
  switch (random() % 8) {
    case 0:
      c.q = c.p;
      break;
    case 1:
      c.q.assign(size, 0);
      c.q[random() % size] = 1;
      break;
    case 2:
      c.p.assign(size, 0);
      c.p[random() % size] = 1;
      break;
    case 3:  // disjoint
      for (size_t i = 0; i < size; i++) (i % 2 ? c.p : c.q)[i] = 0;
      c.p[0] += 0.1;
      c.q[1] += 0.1;
      reference::normalize(c.p);
      reference::normalize(c.q);
      break;
    case 4:  // q = p but for 1e-9
      c.q = c.p;
      for (double& x : c.q) x *= 1 + 1e-9 * double(random() % 100);
      reference::normalize(c.q);
      break;
    default:
      break;
  }
  c.eta = std::array{0.0, 0.3, 5.0, 10.0, 50.0, 3000.0}[random() % 6];
  c.plausibility = std::array{0.0, 0.1, 0.5, 1.0}[random() % 4];
  return c;
}

}  // namespace random_distributions
