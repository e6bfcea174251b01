// Package frame is how bytes are cut up on a stream between two hospitals:
// frames behind their length, and the request for a part. It knows no network.
package frame
