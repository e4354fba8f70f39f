// What one core can at best do, in registers.
#pragma once

// GFLOP/s of fused multiplications and additions in fp32, of AVX-512 where the processor has it,
// else of AVX2; 0 on other processors.
double fma_gflops();

// Gop/s (two a product) of sums of products of 8 bits in registers: of VNNI where the processor has
// it, else of AVX2 with every pair of products widened on its own. The AVX2 kernel widens two pairs
// together, so it may come nearer than its share of the work, or pass this. 0 on other processors.
double int8_gops();
