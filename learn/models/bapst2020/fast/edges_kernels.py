"""The kernels of `edges_device`, in Triton: what each computes stands there; rows are edges, C = 64 columns.

Sums of float32 stay float32; products follow PRECISION, or are of bfloat16 where the edges are.
"""

# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False

import triton
import triton.language as tl


@triton.jit
def step_forward(
    inner,
    constant,
    to,
    of,
    second,
    bias,
    first,
    senders,
    receivers,
    tiles,
    size,
    after,
    total,
    LAST: tl.constexpr,
    C: tl.constexpr,
    BLOCK: tl.constexpr,
    NODES: tl.constexpr,
    PRECISION: tl.constexpr,
):
    columns = tl.arange(0, C)
    square = columns[:, None] * C + columns[None, :]
    w2, b, w1 = tl.load(second + square), tl.load(bias + columns), tl.load(first + square)
    kind = w2.dtype
    count = tl.load(size)
    for tile in range(tl.program_id(0), count, tl.num_programs(0)):
        first_node, last_node = tl.load(tiles + 4 * tile), tl.load(tiles + 4 * tile + 1)
        begin, end = tl.load(tiles + 4 * tile + 2), tl.load(tiles + 4 * tile + 3)
        rows = begin + tl.arange(0, BLOCK)
        valid = rows < end
        receiver = tl.load(receivers + rows, mask=valid, other=0)
        sender = tl.load(senders + rows, mask=valid, other=0)
        at = rows[:, None] * C + columns[None, :]
        inside = valid[:, None]
        hidden = tl.load(inner + at, mask=inside, other=0.0).to(tl.float32)
        hidden += tl.load(to + receiver[:, None] * C + columns[None, :], mask=inside, other=0.0)
        hidden += tl.load(of + sender[:, None] * C + columns[None, :], mask=inside, other=0.0)
        hidden = tl.maximum(hidden, 0.0).to(kind)
        updated = tl.maximum(tl.dot(hidden, w2, input_precision=PRECISION) + b[None, :], 0.0)
        updated = tl.where(inside, updated, 0.0).to(kind)
        nodes = first_node + tl.arange(0, NODES)
        ends = ((receiver[None, :] == nodes[:, None]) & valid[None, :]).to(tl.float32).to(kind)
        sums = tl.dot(ends, updated, input_precision=PRECISION)
        tl.store(total + nodes[:, None] * C + columns[None, :], sums, mask=(nodes < last_node)[:, None])
        if not LAST:
            following = tl.dot(updated, w1, input_precision=PRECISION)
            following += tl.load(constant + at, mask=inside, other=0.0).to(tl.float32)
            tl.store(after + at, following.to(kind), mask=inside)


@triton.jit
def step_backward(
    inner,
    to,
    of,
    second,
    bias,
    first,
    senders,
    receivers,
    size,
    grad_after,
    grad_total,
    grad_constant,
    grad,
    partial,
    AFTER: tl.constexpr,
    ADDS: tl.constexpr,
    C: tl.constexpr,
    BLOCK: tl.constexpr,
    PRECISION: tl.constexpr,
):
    columns = tl.arange(0, C)
    square = columns[:, None] * C + columns[None, :]
    b = tl.load(bias + columns)
    kind = inner.dtype.element_ty
    grad_w1 = tl.zeros((C, C), tl.float32)
    grad_w2 = tl.zeros((C, C), tl.float32)
    grad_b = tl.zeros((C,), tl.float32)
    count = tl.load(size + 1)
    for block in range(tl.program_id(0), tl.cdiv(count, BLOCK), tl.num_programs(0)):
        rows = block * BLOCK + tl.arange(0, BLOCK)
        valid = rows < count
        inside = valid[:, None]
        receiver = tl.load(receivers + rows, mask=valid, other=0)
        sender = tl.load(senders + rows, mask=valid, other=0)
        at = rows[:, None] * C + columns[None, :]
        ends = receiver[:, None] * C + columns[None, :]
        hidden = tl.load(inner + at, mask=inside, other=0.0).to(tl.float32)
        hidden += tl.load(to + ends, mask=inside, other=0.0)
        hidden += tl.load(of + sender[:, None] * C + columns[None, :], mask=inside, other=0.0)
        hidden = tl.maximum(hidden, 0.0).to(kind)
        updated = tl.maximum(tl.dot(hidden, tl.load(second + square), input_precision=PRECISION) + b[None, :], 0.0)
        outer = tl.load(grad_total + ends, mask=inside, other=0.0)
        if AFTER:
            following = tl.load(grad_after + at, mask=inside, other=0.0)
            if ADDS:
                shared = tl.load(grad_constant + at, mask=inside, other=0.0).to(tl.float32)
                tl.store(grad_constant + at, (shared + following.to(tl.float32)).to(kind), mask=inside)
            grad_w1 = tl.dot(tl.trans(updated.to(kind)), following, grad_w1, input_precision=PRECISION)
            outer += tl.dot(following, tl.trans(tl.load(first + square)), input_precision=PRECISION)
        outer = tl.where((updated > 0.0) & inside, outer, 0.0)
        grad_b += tl.sum(outer, axis=0)
        outer = outer.to(kind)
        grad_w2 = tl.dot(tl.trans(hidden), outer, grad_w2, input_precision=PRECISION)
        piece = tl.dot(outer, tl.trans(tl.load(second + square)), input_precision=PRECISION)
        piece = tl.where(hidden.to(tl.float32) > 0.0, piece, 0.0)
        tl.store(grad + at, piece.to(kind), mask=inside)
    mine = partial + tl.program_id(0) * (2 * C + 1) * C
    tl.store(mine + square, grad_w1)
    tl.store(mine + C * C + square, grad_w2)
    tl.store(mine + 2 * C * C + columns, grad_b)


@triton.jit
def sums(grad, start, outgoing, out_start, grad_to, grad_of, C: tl.constexpr, ROWS: tl.constexpr):
    """Sum the rows of the edges into one node, and of those out of it."""
    node = tl.program_id(0)
    columns, several = tl.arange(0, C), tl.arange(0, ROWS)
    sums = tl.zeros((ROWS, C), tl.float32)
    end = tl.load(start + node + 1).to(tl.int32)
    for row in range(tl.load(start + node).to(tl.int32), end, ROWS):
        at = (row + several)[:, None] * C + columns[None, :]
        sums += tl.load(grad + at, mask=(row + several < end)[:, None], other=0.0).to(tl.float32)
    tl.store(grad_to + node * C + columns, tl.sum(sums, axis=0))
    sums = tl.zeros((ROWS, C), tl.float32)
    end = tl.load(out_start + node + 1).to(tl.int32)
    for row in range(tl.load(out_start + node).to(tl.int32), end, ROWS):
        edges = tl.load(outgoing + row + several, mask=row + several < end, other=0)
        at = edges[:, None] * C + columns[None, :]
        sums += tl.load(grad + at, mask=(row + several < end)[:, None], other=0.0).to(tl.float32)
    tl.store(grad_of + node * C + columns, tl.sum(sums, axis=0))


@triton.jit
def encode_forward(
    vectors,
    first,
    first_bias,
    second,
    second_bias,
    third,
    both,
    size,
    inner,
    constant,
    C: tl.constexpr,
    BLOCK: tl.constexpr,
    PRECISION: tl.constexpr,
):
    columns = tl.arange(0, C)
    square = columns[:, None] * C + columns[None, :]
    w, u, both_u = tl.load(second + square), tl.load(third + square), tl.load(both + square)
    kind = w.dtype
    count = tl.load(size + 1)
    for block in range(tl.program_id(0), tl.cdiv(count, BLOCK), tl.num_programs(0)):
        rows = block * BLOCK + tl.arange(0, BLOCK)
        valid = rows < count
        hidden = encoder_hidden(vectors, first, first_bias, rows, valid, columns, C).to(kind)
        edge = tl.dot(hidden, w, input_precision=PRECISION) + tl.load(second_bias + columns)[None, :]
        edge = tl.maximum(edge, 0.0).to(kind)
        at = rows[:, None] * C + columns[None, :]
        tl.store(inner + at, tl.dot(edge, both_u, input_precision=PRECISION).to(kind), mask=valid[:, None])
        tl.store(constant + at, tl.dot(edge, u, input_precision=PRECISION).to(kind), mask=valid[:, None])


@triton.jit
def encode_backward(
    vectors,
    first,
    first_bias,
    second,
    second_bias,
    third,
    both,
    size,
    grad_inner,
    grad_constant,
    grad_vectors,
    partial,
    VECTORS: tl.constexpr,
    C: tl.constexpr,
    BLOCK: tl.constexpr,
    PRECISION: tl.constexpr,
):
    columns, few = tl.arange(0, C), tl.arange(0, 16)
    square = columns[:, None] * C + columns[None, :]
    w, u, both_u = tl.load(second + square), tl.load(third + square), tl.load(both + square)
    kind = w.dtype
    grad_both = tl.zeros((C, C), tl.float32)
    grad_u = tl.zeros((C, C), tl.float32)
    grad_w = tl.zeros((C, C), tl.float32)
    grad_v = tl.zeros((16, C), tl.float32)
    grad_b = tl.zeros((C,), tl.float32)
    count = tl.load(size + 1)
    for block in range(tl.program_id(0), tl.cdiv(count, BLOCK), tl.num_programs(0)):
        rows = block * BLOCK + tl.arange(0, BLOCK)
        valid = rows < count
        inside = valid[:, None]
        hidden = encoder_hidden(vectors, first, first_bias, rows, valid, columns, C).to(kind)
        edge = tl.dot(hidden, w, input_precision=PRECISION) + tl.load(second_bias + columns)[None, :]
        edge = tl.maximum(edge, 0.0).to(kind)
        at = rows[:, None] * C + columns[None, :]
        from_inner = tl.load(grad_inner + at, mask=inside, other=0.0)
        from_constant = tl.load(grad_constant + at, mask=inside, other=0.0)
        outer = tl.dot(from_inner, tl.trans(both_u), input_precision=PRECISION)
        outer = tl.dot(from_constant, tl.trans(u), outer, input_precision=PRECISION)
        outer = tl.where(edge.to(tl.float32) > 0.0, outer, 0.0)
        grad_b += tl.sum(outer, axis=0)
        outer = outer.to(kind)
        turned = tl.trans(edge)
        grad_both = tl.dot(turned, from_inner, grad_both, input_precision=PRECISION)
        grad_u = tl.dot(turned, from_constant, grad_u, input_precision=PRECISION)
        grad_w = tl.dot(tl.trans(hidden), outer, grad_w, input_precision=PRECISION)
        inmost = tl.dot(outer, tl.trans(w), input_precision=PRECISION)
        inmost = tl.where(hidden.to(tl.float32) > 0.0, inmost, 0.0)
        # The vectors, a column of ones, and zeros: the gradients of the first layer and of its bias together.
        seen = tl.load(vectors + rows[:, None] * 3 + few[None, :], mask=inside & (few < 3)[None, :], other=0.0)
        seen = tl.where((few == 3)[None, :] & inside, 1.0, seen)
        grad_v = tl.dot(tl.trans(seen), inmost, grad_v, input_precision=PRECISION)
        if VECTORS:
            for axis in tl.static_range(3):
                along = tl.sum(inmost * tl.load(first + axis * C + columns)[None, :], axis=1)
                tl.store(grad_vectors + rows * 3 + axis, along, mask=valid)
    mine = partial + tl.program_id(0) * (3 * C + 17) * C
    tl.store(mine + square, grad_both)
    tl.store(mine + C * C + square, grad_u)
    tl.store(mine + 2 * C * C + square, grad_w)
    tl.store(mine + 3 * C * C + few[:, None] * C + columns[None, :], grad_v)
    tl.store(mine + (3 * C + 16) * C + columns, grad_b)


@triton.jit
def encoder_hidden(vectors, first, first_bias, rows, valid, columns, C: tl.constexpr):
    """Return the first layer of the encoder: float32, never rounded."""
    hidden = tl.zeros((rows.shape[0], C), tl.float32) + tl.load(first_bias + columns)[None, :]
    for axis in tl.static_range(3):
        along = tl.load(vectors + rows * 3 + axis, mask=valid, other=0.0)
        hidden += along[:, None] * tl.load(first + axis * C + columns)[None, :]
    return tl.maximum(hidden, 0.0)
