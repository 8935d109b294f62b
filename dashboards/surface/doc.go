// Package surface is what every surface of the console answers with: routes that say
// who may ask, problems that say how to mend them, and streams of events.
package surface
