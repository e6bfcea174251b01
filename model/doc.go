// Package model holds what a hospital computes on its own rows, and what all
// hospitals make of a sum. It knows no network and no cryptography.
//
// A [Task] is a TOML file that all hospitals agree on by its hash: how a table
// is laid out, which columns are features, what the label is, which model is
// trained. [Task.ReadTable] turns a table into a [Dataset]; [Task.Load] and
// [Generate] give the data of a demonstration.
//
// A [Program] is a study, round by round, as pure values:
//
//	program, err := model.NewProgram(model.Plan{Task: task, Evaluate: true})
//	state := program.Start()
//	for {
//		step, more := program.Next(state)
//		if !more {
//			break
//		}
//		vector, err := program.Update(state, train, test) // stays in this hospital
//		err = step.Codec.Encode(encoded, vector)          // integers, for the protocol to sum
//		... the protocol opens the sum over an agreed set of hospitals ...
//		err = step.Codec.Decode(sum, opened)
//		state, err = program.Apply(state, sum)
//	}
//
// # The caller's duties
//
//  1. Hand to Encode exactly what Update returned, and keep the encoded bytes
//     before anything is sent: an update is never computed twice for one round.
//  2. Open one sum per round. Round 0 (standardise), a step of [Newton] and the
//     evaluation are deterministic functions of the rows and the state: opened
//     over two different sets, the difference shows one hospital's values exactly.
//     A state is never gone back to. With newton, keep one set through the study
//     as far as hospitals stay: near the end its sums hardly change from round to
//     round, and two sets then show nearly the same difference.
//  3. When Next has no more rounds, ask [Program.FitError]: newton ends without a
//     fit when there is none, at every hospital in the same state.
//  4. Sign the hash of the next [State] ([State.Hash]) and stop when it differs.
//
// # Same bits everywhere
//
// The state after a given sequence of sums is bit for bit the same on every
// hospital. [Program.Apply] and [Program.Next] therefore use only +, −, ×, ÷
// and √, which IEEE 754 rounds correctly, in plain loops of a fixed order, and
// wrap every product that is then added to in float64(…): without that the Go
// specification lets a compiler fuse the two operations into one (it does so
// on arm64, ppc64le, riscv64 and s390x, and on amd64 with GOAMD64=v3), and the
// last bit differs between hospitals. [Program.Update] is free of this: each
// hospital computes its own vector, so that gonum's kernels and math.Exp may
// be used there.
//
// # What the sums show
//
// Nobody sees a hospital's vector; what is opened is the sum over the included
// hospitals, and everything in it. That is said at each step: round 0 at
// [Standardiser], training at [FedSGD], [FedAvg] and [Newton], the evaluation at
// [Metrics].
package model
