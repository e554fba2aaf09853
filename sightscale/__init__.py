"""sightscale: does a small vision-language model see, and if it fails, is it perception or reasoning?"""
