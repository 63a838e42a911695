package simulate

// node is what the leaves Index·2^Level to (Index+1)·2^Level − 1 add up to.
type node[T any] struct {
	level, index int
	value        T
}

// end is the first leaf after the node.
func (n node[T]) end() int { return (n.index + 1) << n.level }

// tree adds leaves up in the order of a binary tree that depends on the numbers
// of the leaves alone: two neighbours join when they are the two halves of a
// node. So any stretch of leaves can be added up apart and joined later, in any
// number of stretches, to the same bits; and rounding errors grow with the
// logarithm of the number of leaves.
type tree[T any] struct {
	nodes []node[T] // from left to right, each beginning where the one before ends
	// join adds the right value to the left one, which it may change, and returns it.
	join func(left, right T) T
}

// push puts a node after the last one.
func (t *tree[T]) push(n node[T]) {
	t.nodes = append(t.nodes, n)
	for k := len(t.nodes); k > 1; k = len(t.nodes) {
		a, b := t.nodes[k-2], t.nodes[k-1]
		if a.level != b.level || a.index%2 != 0 || b.index != a.index+1 {
			return
		}
		t.nodes = append(t.nodes[:k-2], node[T]{a.level + 1, a.index / 2, t.join(a.value, b.value)})
	}
}

// total joins what is left, from the right. The tree must begin at leaf 0; it is
// used up.
func (t *tree[T]) total() T {
	k := len(t.nodes) - 1
	sum := t.nodes[k].value
	for k--; k >= 0; k-- {
		sum = t.join(t.nodes[k].value, sum)
	}
	t.nodes = t.nodes[:0]
	return sum
}
