// What a source includes for bfloat16; all of it is in standin.h.
