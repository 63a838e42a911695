package markov

import (
	"fmt"
	"math"
)

// Node is a point of a decision tree at which chance takes one of the branches, or an
// end without branches. Its cost and effect are those of passing through it.
type Node struct {
	Name         string
	Cost, Effect float64
	Branches     []Branch
}

// Branch is a way on from a node.
type Branch struct {
	P  float64
	To Node
}

// Path is one way through a tree.
type Path struct {
	Names        []string
	P            float64
	Cost, Effect float64 // of the whole path
}

// Paths returns every way through the tree, in the order of the branches.
func (n Node) Paths() ([]Path, error) {
	here := Path{[]string{n.Name}, 1, n.Cost, n.Effect}
	if math.IsNaN(n.Cost+n.Effect) || math.IsInf(n.Cost+n.Effect, 0) {
		return nil, fmt.Errorf("%w: the cost or effect of node %q is not a finite number", ErrModel, n.Name)
	}
	if len(n.Branches) == 0 {
		return []Path{here}, nil
	}
	var out []Path
	p := make([]float64, len(n.Branches))
	for i, b := range n.Branches {
		p[i] = b.P
		paths, err := b.To.Paths()
		if err != nil {
			return nil, err
		}
		for _, x := range paths {
			out = append(out, Path{append([]string{n.Name}, x.Names...), b.P * x.P, here.Cost + x.Cost, here.Effect + x.Effect})
		}
	}
	if err := checkRow(p); err != nil {
		return nil, fmt.Errorf("%w: branches of node %q: %w", ErrModel, n.Name, err)
	}
	return out, nil
}

// Expect returns the expected cost and effect of the tree: the sum over its paths of
// probability times cost and effect.
func (n Node) Expect() (cost, effect float64, err error) {
	paths, err := n.Paths()
	for _, x := range paths {
		cost += float64(x.P * x.Cost)
		effect += float64(x.P * x.Effect)
	}
	return cost, effect, err
}
