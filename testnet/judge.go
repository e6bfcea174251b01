package testnet

import (
	"fmt"
	"math"

	"consilium/model"
	"consilium/node"
	"consilium/protocol"
)

// verdict is what the judge finds. It knows everybody's rows, which no hospital
// does.
type verdict struct {
	aggregateError int64    // largest difference between an opened sum and the plain one
	weightsMaxDiff float64  // joint weights against a replay in the clear
	bound          *float64 // what fixed point can make of that difference, where that is known
	joint          model.State
	jointMetrics   model.Metrics // on all test rows
	pooled         model.Metrics
	alone          []model.Metrics // by hospital; no metrics where it cannot learn alone
	noFit          error           // why the hospitals found no fit, where they found none
}

// judge compares the run with the same computation in the clear.
func (n *network) judge() (*verdict, error) {
	v := &verdict{}
	path, err := n.checkSums(v)
	if err != nil {
		return nil, err
	}
	v.joint = path[len(path)-1]
	v.noFit = n.demo.program.FitError(v.joint)
	if err := n.checkStates(v.joint); err != nil {
		return nil, err
	}
	if err := n.replay(v, path); err != nil {
		return nil, err
	}
	return v, n.compare(v)
}

// checkSums follows the study from sum to sum. In every round all hospitals
// must hold one set and one sum, and that must be the plain sum of the fixed
// point updates of the included.
func (n *network) checkSums(v *verdict) ([]model.State, error) {
	program := n.demo.program
	state := program.Start()
	var path []model.State
	for {
		step, more := program.Next(state)
		if !more {
			return path, nil
		}
		r := n.rounds[uint64(step.Round)]
		if r == nil || len(r.sums) == 0 {
			return nil, fmt.Errorf("nobody finished round %d", step.Round)
		}
		plain, err := n.plainSum(state, r.included)
		if err != nil {
			return nil, err
		}
		for i, sum := range r.sums {
			if r.sets[i] != r.sets[0] {
				return nil, fmt.Errorf("round %d: two hospitals opened different sets", step.Round)
			}
			for j := range plain {
				v.aggregateError = max(v.aggregateError, abs(sum[j]-plain[j]))
			}
		}
		values := make([]float64, len(plain))
		if err := step.Codec.Decode(values, r.sums[0]); err != nil {
			return nil, err
		}
		if state, err = program.Apply(state, values); err != nil {
			return nil, err
		}
		path = append(path, state)
	}
}

func (n *network) plainSum(state model.State, included []protocol.Party) (protocol.Vector, error) {
	encoded, err := state.MarshalBinary()
	if err != nil {
		return nil, err
	}
	var sum protocol.Vector
	for _, p := range included {
		split := n.demo.splits[p-1]
		update, err := node.Training{Program: n.demo.program, Train: split.Train, Test: split.Test}.Update(encoded)
		if err != nil {
			return nil, fmt.Errorf("recompute the update of %s: %w", n.roster.Name(p), err)
		}
		if sum == nil {
			sum = make(protocol.Vector, len(update))
		}
		for i, x := range update {
			sum[i] += x
		}
	}
	return sum, nil
}

func abs(x int64) int64 { return max(x, -x) }

// checkStates: everybody who finished ends with the model that the sums give.
func (n *network) checkStates(want model.State) error {
	for _, h := range n.hospitals[1:] {
		if !h.finished {
			continue
		}
		state, err := model.UnmarshalState(h.state)
		if err != nil {
			return err
		}
		if state.Hash() != want.Hash() {
			return fmt.Errorf("hospital %s ends with another model than the sums give", h.name)
		}
	}
	return nil
}

// replay repeats the study in float64, over each round's included hospitals. A
// trainer that ends by itself may, rounded otherwise, take a round more: that one
// is over the hospitals of the last.
func (n *network) replay(v *verdict, path []model.State) error {
	var included []int
	clear, err := model.Replay(n.demo.program, n.demo.splits, func(round int) []int {
		view := n.rounds[uint64(round)]
		if view == nil {
			return included
		}
		included = nil
		for _, p := range view.included {
			included = append(included, int(p)-1)
		}
		return included
	})
	if err != nil {
		return fmt.Errorf("replay in the clear: %w", err)
	}
	for i, w := range v.joint.Weights {
		v.weightsMaxDiff = math.Max(v.weightsMaxDiff, math.Abs(w-clear.Weights[i]))
	}
	v.bound = n.bound(path)
	return nil
}

// bound is known for fedsgd, when nobody came in after the standardisation.
func (n *network) bound(path []model.State) *float64 {
	first := protocol.NewSet(n.rounds[0].included...)
	for _, r := range n.rounds {
		if !protocol.NewSet(r.included...).Within(first) {
			return nil
		}
	}
	bound, err := n.demo.program.WeightErrorBound(path)
	if err != nil {
		return nil
	}
	return &bound
}

// compare measures the joint model, the pooled one and each hospital's own on
// the same rows: all test rows.
func (n *network) compare(v *verdict) error {
	var trains, tests []*model.Dataset
	for _, s := range n.demo.splits {
		trains, tests = append(trains, s.Train), append(tests, s.Test)
	}
	train, err := model.Pool(trains...)
	if err != nil {
		return err
	}
	test, err := model.Pool(tests...)
	if err != nil {
		return err
	}
	if v.noFit == nil {
		if v.jointMetrics, err = n.demo.program.Evaluate(v.joint, test); err != nil {
			return err
		}
		if v.pooled, err = n.learnAlone(train, test); err != nil {
			return err
		}
	}
	for _, s := range n.demo.splits {
		alone, err := n.learnAlone(s.Train, test)
		if err != nil { // no rows, no fit, or too unlike rows for this step length
			alone = model.Metrics{}
		}
		v.alone = append(v.alone, alone)
	}
	return nil
}

// learnAlone runs the study in the clear on one table.
func (n *network) learnAlone(train, test *model.Dataset) (model.Metrics, error) {
	plan := n.demo.program.Plan()
	plan.Hospitals, plan.Evaluate = 1, false
	program, err := model.NewProgram(plan)
	if err != nil {
		return model.Metrics{}, err
	}
	state, err := model.Replay(program, []model.Split{{Train: train}}, nil)
	if err != nil {
		return model.Metrics{}, err
	}
	if err := program.FitError(state); err != nil {
		return model.Metrics{}, err
	}
	return program.Evaluate(state, test)
}
